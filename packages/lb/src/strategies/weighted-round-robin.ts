import type { Backend } from '../backends/backend.ts'
import { DeadlineHeap } from './deadline-heap.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

/** Up to this many backends looking at all of them is cheaper than a heap. */
const smallest = 64

/**
 * Each backend exactly as often as it weighs, and as evenly as that allows: 5:1:1 gives a a b a c a a. Smooth as nginx does it up to 64 backends, O(n);
 * earliest deadline first on a heap above, O(log n). What each has to its credit stays when weights or members change.
 */
export class WeightedRoundRobin implements Strategy {
  readonly name = 'weighted-round-robin'
  private backends: readonly Backend[] = []
  private credits = new Float64Array(0)
  private heap: DeadlineHeap | undefined = undefined

  update(view: StrategyView): void {
    if (view.eligible.length > smallest) {
      this.heap = new DeadlineHeap(view.eligible, this.heap)
      this.backends = []
      return
    }
    const kept = new Map(this.backends.map((backend, index) => [backend, this.credits[index] ?? 0]))
    this.credits = Float64Array.from(view.eligible, (backend) => kept.get(backend) ?? 0)
    this.backends = view.eligible
    this.heap = undefined
  }

  pick(picking: Picking): Backend | undefined {
    return this.heap === undefined ? this.pickSmooth(picking) : this.heap.pick(picking)
  }

  private pickSmooth(picking: Picking): Backend | undefined {
    const { backends, credits } = this
    let total = 0
    let best = -1
    let bestCredit = -Infinity
    for (let index = 0; index < backends.length; index++) {
      const backend = backends[index] as Backend
      if (!picking.accepts(backend)) continue
      total += backend.effectiveWeight
      const credit = (credits[index] as number) + backend.effectiveWeight
      credits[index] = credit
      // Sums of weights such as 0.1 differ in their last digits where they should tie: the first one wins a tie.
      if (credit <= bestCredit + total * 1e-9) continue
      best = index
      bestCredit = credit
    }
    if (best < 0) return undefined
    credits[best] = bestCredit - total
    picking.consider(backends[best] as Backend, bestCredit)
    return backends[best]
  }
}
