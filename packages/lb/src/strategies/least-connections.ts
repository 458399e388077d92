import type { Backend } from '../backends/backend.ts'
import type { Scratch } from './scratch.ts'
import type { Strategy, StrategyView } from './strategy.ts'

/** Fewest requests under way for its weight, of all; ties go round. O(n). */
export class LeastConnections implements Strategy {
  readonly name = 'least-connections'
  private backends: readonly Backend[] = []
  private start = 0

  update(view: StrategyView): void {
    this.backends = view.eligible
  }

  pick(picking: Scratch): Backend | undefined {
    const { backends } = this
    const count = backends.length
    if (count === 0) return undefined
    this.start = this.start + 1 >= count ? 0 : this.start + 1
    let best: Backend | undefined
    let bestScore = Infinity
    let index = this.start
    for (let step = 0; step < count; step++) {
      const backend = backends[index] as Backend
      index = index + 1 === count ? 0 : index + 1
      const score = (backend.active + 1) / backend.effectiveWeight
      if (score >= bestScore || !picking.accepts(backend)) continue
      best = backend
      bestScore = score
    }
    if (best === undefined) return undefined
    picking.score = bestScore
    picking.note(best)
    return best
  }
}
