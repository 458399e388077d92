import type { Backend } from '../backends/backend.ts'
import { Sampler } from './sampler.ts'
import { scan } from './scan.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

/** What tells the better of two: the lower one wins. */
export type Score = (backend: Backend, picking: Picking) => number

/**
 * Power of two choices: draws two different backends by weight and takes the healthier, then the one with the lower score. Nearly as even as looking
 * at all of them, at constant cost, and many balancers side by side do not run to the same one. O(1).
 */
export class TwoChoices implements Strategy {
  readonly name: string
  private readonly sampler = new Sampler()
  private readonly score: Score

  constructor(name: string, score: Score) {
    this.name = name
    this.score = score
  }

  update(view: StrategyView): void {
    this.sampler.update(view.eligible)
  }

  pick(picking: Picking): Backend | undefined {
    const { backends } = this.sampler
    const count = backends.length
    if (count < 2) {
      const only = backends[0]
      return only !== undefined && picking.accepts(only) ? only : undefined
    }
    const index = this.sampler.draw(picking)
    const first = backends[index] as Backend
    const second = backends[this.sampler.drawOther(index, picking)] as Backend
    const isFirst = picking.accepts(first)
    if (!picking.accepts(second)) return isFirst ? first : scan(backends, picking)
    if (!isFirst) return second
    return this.better(first, second, picking)
  }

  private better(first: Backend, second: Backend, picking: Picking): Backend {
    const isFirstDegraded = first.health === 'degraded'
    if (isFirstDegraded !== (second.health === 'degraded')) return isFirstDegraded ? second : first
    const firstScore = this.score(first, picking)
    const secondScore = this.score(second, picking)
    picking.consider(first, firstScore)
    picking.consider(second, secondScore)
    return secondScore < firstScore ? second : first
  }
}

/** Fewest requests under way for its weight. */
export function twoChoices(): TwoChoices {
  return new TwoChoices('p2c', (backend) => (backend.active + 1) / backend.effectiveWeight)
}

/** Lowest product of peak latency and requests under way: sees a slow backend, and one that stalls, before its queue grows. */
export function peakEwma(): TwoChoices {
  return new TwoChoices('peak-ewma', (backend, picking) => backend.expectedLoad(picking.now()))
}
