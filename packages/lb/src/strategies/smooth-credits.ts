import type { Backend } from '../backends/backend.ts'
import type { Scratch } from './scratch.ts'
import type { Rotation } from './rotation.ts'

/** nginx's rule: at each pick everyone is credited its weight, and whoever has most pays for all. O(n). */
export class SmoothCredits implements Rotation {
  private readonly backends: readonly Backend[]
  private readonly weights: Float64Array
  private readonly credits: Float64Array
  private readonly total: number

  constructor(backends: readonly Backend[], ahead: ReadonlyMap<Backend, number>) {
    this.backends = backends
    this.weights = Float64Array.from(backends, (backend) => backend.effectiveWeight)
    this.total = this.weights.reduce((sum, weight) => sum + weight, 0)
    this.credits = Float64Array.from(backends, (backend) => (1 - (ahead.get(backend) ?? 1)) * this.total)
  }

  pick(picking: Scratch): Backend | undefined {
    const { backends, weights, credits } = this
    let total = 0
    let best = -1
    let bestCredit = -Infinity
    for (let index = 0; index < backends.length; index++) {
      if (!picking.accepts(backends[index] as Backend)) continue
      const weight = weights[index] as number
      total += weight
      const credit = (credits[index] as number) + weight
      credits[index] = credit
      // Sums of weights such as 0.1 differ in their last digits where they should tie: the first one wins a tie.
      if (credit <= bestCredit + this.total * 1e-9) continue
      best = index
      bestCredit = credit
    }
    if (best < 0) return undefined
    credits[best] = bestCredit - total
    picking.score = bestCredit
    picking.note(backends[best] as Backend)
    return backends[best]
  }

  ahead(): Map<Backend, number> {
    return new Map(
      this.backends.map((backend, index) => [backend, 1 - (this.credits[index] as number) / this.total]),
    )
  }
}
