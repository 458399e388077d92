import type { Backend } from '../backends/backend.ts'
import type { Scratch } from './scratch.ts'
import type { Strategy, StrategyView } from './strategy.ts'

/**
 * Any hash, with no backend above `factor` times its share of what is under way: a key whose backend is at its bound goes to the next one in the key's own
 * order. A popular key spreads over a few backends instead of drowning one.
 */
export class BoundedLoad implements Strategy {
  readonly name: string
  readonly placesBy: 'key' | 'client'
  private readonly inner: Strategy
  private readonly factor: number
  private totalWeight = 0

  constructor(inner: Strategy, factor: number) {
    this.name = inner.name
    this.placesBy = inner.placesBy ?? 'key'
    this.inner = inner
    this.factor = factor
  }

  update(view: StrategyView): void {
    this.totalWeight = view.eligible.reduce((sum, backend) => sum + backend.weight, 0)
    this.inner.update(view)
  }

  pick(picking: Scratch): Backend | undefined {
    picking.perWeight = (this.factor * (picking.poolActive + 1)) / this.totalWeight
    const backend = this.inner.pick(picking)
    picking.perWeight = 0
    // Backends that are full leave the others no room within their bounds: then being served goes before being even.
    return backend ?? this.inner.pick(picking)
  }
}
