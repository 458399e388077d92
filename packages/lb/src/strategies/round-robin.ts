import type { Backend } from '../backends/backend.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

/** One after the other, whatever they weigh or have to do. O(1). */
export class RoundRobin implements Strategy {
  readonly name = 'round-robin'
  private backends: readonly Backend[] = []
  private next = 0

  update(view: StrategyView): void {
    const before = this.backends
    const last = before[this.next === 0 ? before.length - 1 : this.next - 1]
    this.backends = view.eligible
    const lastIndex = last === undefined ? -1 : view.eligible.indexOf(last)
    // On behind whoever was last; if that one has left, with whoever was to be next.
    const start = lastIndex >= 0 ? lastIndex + 1 : this.followerIn(before)
    this.next = start < view.eligible.length ? start : 0
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

  private followerIn(before: readonly Backend[]): number {
    const indices = new Map(this.backends.map((backend, index) => [backend, index]))
    for (let step = 0; step < before.length; step++) {
      const index = indices.get(before[(this.next + step) % before.length] as Backend)
      if (index !== undefined) return index
    }
    return 0
  }
}
