import type { Backend } from '../backends/backend.ts'
import { hashPair } from '../hash/hash-text.ts'
import type { Scratch } from './scratch.ts'
import type { Strategy, StrategyView } from './strategy.ts'

/**
 * Each key ranks all backends by a hash of the pair and takes the first that accepts; weights by `-w / ln u`. Moves no key that need not move, and its
 * spread is the most even. O(n): for up to some thirty backends.
 */
export class Rendezvous implements Strategy {
  readonly name = 'rendezvous'
  readonly placesBy = 'key'
  private backends: readonly Backend[] = []

  update(view: StrategyView): void {
    this.backends = view.eligible
  }

  pick(picking: Scratch): Backend | undefined {
    return choose(this.backends, picking.hash, picking)
  }
}

/** The highest-ranking backend of a key among those that accept. */
export function choose(backends: readonly Backend[], key: number, picking: Scratch): Backend | undefined {
  let best: Backend | undefined
  let bestScore = -Infinity
  for (let index = 0; index < backends.length; index++) {
    const backend = backends[index] as Backend
    const uniform = ((hashPair(key, backend.key) >>> 0) + 0.5) / 4_294_967_296
    const score = -backend.weight / Math.log(uniform)
    if (score <= bestScore || !picking.accepts(backend)) continue
    best = backend
    bestScore = score
  }
  if (best === undefined) return undefined
  picking.score = bestScore
  picking.note(best)
  return best
}
