import type { Backend } from '../backends/backend.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

/** One after the other, whatever they weigh or have to do. O(1). */
export class RoundRobin implements Strategy {
  readonly name = 'round-robin'
  private backends: readonly Backend[] = []
  private next = 0

  update(view: StrategyView): void {
    // Goes on behind whoever was last, if it is still there.
    const last = this.backends[this.next === 0 ? this.backends.length - 1 : this.next - 1]
    this.backends = view.eligible
    const index = last === undefined ? -1 : view.eligible.indexOf(last)
    this.next =
      index >= 0 ? (index + 1) % view.eligible.length : this.next % Math.max(1, view.eligible.length)
  }

  pick(picking: Picking): Backend | undefined {
    const count = this.backends.length
    for (let step = 0; step < count; step++) {
      const backend = this.backends[this.next] as Backend
      this.next = this.next + 1 === count ? 0 : this.next + 1
      if (picking.accepts(backend)) return backend
    }
    return undefined
  }
}
