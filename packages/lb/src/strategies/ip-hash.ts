import type { Backend } from '../backends/backend.ts'
import { Maglev } from './maglev.ts'
import { choose } from './rendezvous.ts'
import type { Scratch } from './scratch.ts'
import type { Strategy, StrategyView } from './strategy.ts'

/** Up to this many backends ranking all of them is cheap and the most even. */
const few = 32

/** The same backend for the same client address: rendezvous for up to 32 backends, Maglev above. */
export class IpHash implements Strategy {
  readonly name = 'ip-hash'
  readonly placesBy = 'client'
  private view: StrategyView | undefined = undefined
  private readonly maglev = new Maglev()

  update(view: StrategyView): void {
    this.view = view
    if (view.members.length > few) this.maglev.update(view)
  }

  pick(picking: Scratch): Backend | undefined {
    if (this.view === undefined) return undefined
    // Decided by the members, not by those that are up: an outage must not change the function.
    if (this.view.members.length <= few) return choose(this.view.eligible, picking.hash, picking)
    return this.maglev.pick(picking)
  }
}
