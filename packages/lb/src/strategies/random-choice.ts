import type { Backend } from '../backends/backend.ts'
import { Sampler } from './sampler.ts'
import { scan } from './scan.ts'
import type { Picking, Strategy, StrategyView } from './strategy.ts'

/** Any, by weight. O(1). */
export class RandomChoice implements Strategy {
  readonly name = 'random'
  private readonly sampler = new Sampler()

  update(view: StrategyView): void {
    this.sampler.update(view.eligible)
  }

  pick(picking: Picking): Backend | undefined {
    const { backends } = this.sampler
    if (backends.length === 0) return undefined
    const backend = backends[this.sampler.draw(picking)] as Backend
    return picking.accepts(backend) ? backend : scan(backends, picking)
  }
}
