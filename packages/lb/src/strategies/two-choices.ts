import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import { Sampler } from './sampler.ts'
import { scan } from './scan.ts'
import type { Scratch } from './scratch.ts'
import type { Strategy, StrategyView } from './strategy.ts'

/**
 * Power of two choices: draws two different backends by weight and takes the healthier, then the one with the lower score. Nearly as even as looking
 * at all of them, at constant cost, and many balancers side by side do not run to the same one. O(1).
 */
abstract class TwoChoices implements Strategy {
  abstract readonly name: string
  /** Of the two that were drawn, the lower one wins. An array, since a fraction that a function returns is made an object. */
  protected readonly scores: Float64Array = new Float64Array(2)
  private readonly sampler = new Sampler()

  update(view: StrategyView): void {
    this.sampler.update(view.eligible)
  }

  pick(picking: Scratch): Backend | undefined {
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

  protected abstract score(place: 0 | 1, backend: Backend, picking: Scratch): void

  /** Whether the first one is taken whatever the scores are. */
  protected areEqual(_first: Backend, _second: Backend): boolean {
    return false
  }

  private better(first: Backend, second: Backend, picking: Scratch): Backend {
    // The unhealthy are here only in a panic, which is meant to spread traffic over everyone: they are not worse, but not better than a degraded one.
    const isFirstDegraded = first.health === 'degraded'
    if (isFirstDegraded !== (second.health === 'degraded')) {
      if (isFirstDegraded) return second.health === 'unhealthy' ? first : second
      return first.health === 'unhealthy' ? second : first
    }
    this.score(0, first, picking)
    this.score(1, second, picking)
    const { scores } = this
    picking.score = scores[0] as number
    picking.note(first)
    picking.score = scores[1] as number
    picking.note(second)
    if (this.areEqual(first, second)) return first
    return (scores[1] as number) < (scores[0] as number) ? second : first
  }
}

/**
 * Fewest requests under way for its weight, with the one to come; of two that have none, the one drawn first, so that shares go by weight where there is little
 * to do too.
 */
export class LeastOfTwo extends TwoChoices {
  readonly name = 'p2c'

  protected score(place: 0 | 1, backend: Backend): void {
    this.scores[place] = (backend.active + 1) / backend.effectiveWeight
  }

  protected override areEqual(first: Backend, second: Backend): boolean {
    // Otherwise the lighter of two that are idle would never have it, and the draw has weighed them already.
    return first.active === 0 && second.active === 0
  }
}

/** Lowest product of peak latency and requests under way: sees a slow backend, and one that stalls, before its queue grows. */
export class PeakEwmaOfTwo extends TwoChoices {
  readonly name = 'peak-ewma'

  protected score(place: 0 | 1, backend: Backend, picking: Scratch): void {
    const endpoint = backend as Endpoint
    endpoint.estimate(picking)
    this.scores[place] = endpoint.estimatedLoad
  }
}
