import type { Backend } from '../backends/backend.ts'
import { maglevTable } from './maglev-table.ts'
import { choose } from './rendezvous.ts'
import type { Scratch } from './scratch.ts'
import type { Strategy, StrategyView } from './strategy.ts'

/**
 * A table of a prime number of slots which the backends fill in turns, each in an order of its own: with equal weights they differ by one slot at most, and
 * a change moves hardly more keys than it must. A key whose backend does not accept walks on to the next slots. O(1); the table is built anew before the
 * next pick when members or their weights change, never for health.
 */
export class Maglev implements Strategy {
  readonly name = 'maglev'
  readonly placesBy = 'key'
  private members: readonly Backend[] = []
  private version = -1
  private table: Int32Array = new Int32Array(0)

  update(view: StrategyView): void {
    this.members = view.members
    if (view.version === this.version) return
    this.version = view.version
    this.table = maglevTable(view.members)
  }

  pick(picking: Scratch): Backend | undefined {
    const { table, members } = this
    const size = table.length
    if (size === 0) return undefined
    // The upper bits of a product spread evenly, without the bias and the cost of a division.
    let slot = Math.floor(((picking.hash >>> 0) / 4_294_967_296) * size)
    const first = members[table[slot] as number] as Backend
    if (picking.accepts(first)) return first
    // Neighbouring slots belong to backends as if drawn: this many meet nearly all of them.
    const walk = Math.min(size, members.length * 8)
    for (let step = 1; step < walk; step++) {
      slot = slot + 1 === size ? 0 : slot + 1
      const backend = members[table[slot] as number] as Backend
      if (picking.accepts(backend)) return backend
    }
    // Those with few slots or none, beside some that have nearly all: by key too, so that not everyone runs to the same one.
    return choose(members, picking.hash, picking)
  }
}
