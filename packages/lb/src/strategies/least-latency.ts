import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import type { Scratch } from './scratch.ts'
import type { Strategy, StrategyView } from './strategy.ts'

/**
 * Lowest latency estimate of all, whatever is under way there. The estimate decays, so that one which was slow is tried again; all the same every request
 * runs to the same backend until it is slow: prefer `peak-ewma`. O(n).
 */
export class LeastLatency implements Strategy {
  readonly name = 'least-latency'
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
    // The same walk as that of least connections: a score that a function returns would be made an object.
    for (let step = 0; step < count; step++) {
      const endpoint = backends[index] as Endpoint
      index = index + 1 === count ? 0 : index + 1
      endpoint.estimate(picking)
      const score = endpoint.estimatedMs
      if (score >= bestScore || !picking.accepts(endpoint)) continue
      best = endpoint
      bestScore = score
    }
    if (best === undefined) return undefined
    picking.score = bestScore
    picking.note(best)
    return best
  }
}
