import type { Backend } from '../backends/backend.ts'
import { DeadlineHeap } from './deadline-heap.ts'
import { SmoothCredits } from './smooth-credits.ts'
import type { Scratch } from './scratch.ts'
import type { Strategy, StrategyView } from './strategy.ts'
import type { Rotation } from './rotation.ts'

/** Up to this many backends looking at all of them is cheaper than a heap. */
const smallest = 64

/**
 * Each backend exactly as often as it weighs, and as evenly as that allows: 5:1:1 gives a a b a c a a. Smooth as nginx does it up to 64 backends, O(n);
 * earliest deadline first on a heap above, O(log n). How near each is to its next turn stays when weights or members change, across the 64 too.
 */
export class WeightedRoundRobin implements Strategy {
  readonly name = 'weighted-round-robin'
  private rotation: Rotation | undefined = undefined

  update(view: StrategyView): void {
    const { eligible } = view
    const ahead = this.rotation?.ahead() ?? new Map<Backend, number>()
    this.rotation =
      eligible.length > smallest ? new DeadlineHeap(eligible, ahead) : new SmoothCredits(eligible, ahead)
  }

  pick(picking: Scratch): Backend | undefined {
    return this.rotation?.pick(picking)
  }
}
