import type { Backend } from '../backends/backend.ts'

/** What there is to choose from; the arrays are the balancer's and change only together with a call of `update`. */
export interface StrategyView {
  /** All backends of this level and zone, also those that take nothing now: hashing goes by them, so that an outage moves no other key. */
  readonly members: readonly Backend[]
  /** Those that take requests. */
  readonly eligible: readonly Backend[]
  /** Changes with the members and their weights, not with health. */
  readonly version: number
}

/** One choice: the request's side of it, and what only the balancer knows. Reused from pick to pick: never keep it. */
export interface Picking {
  /** Signed 32-bit hash of what the request is to be placed by; random where it has nothing of the kind. */
  readonly hash: number
  readonly workload: string
  /** An integer from 0 to `count` - 1: unlike a fraction it costs no allocation. */
  below(count: number): number
  /** A number in [0, 1). */
  random(): number
  /** Monotonic milliseconds. */
  now(): number
  /** Whether this backend may take this request: eligible, with a free slot, able, not tried before, within its bound. */
  accepts(backend: Backend): boolean
  /** For `explain`: a candidate that was looked at, and its score. */
  consider(backend: Backend, score: number): void
  /** Requests under way in this level and zone. */
  readonly poolActive: number
  /** Refuses backends with more than `perWeight` × weight requests from now on, until it is 0 again. */
  bound(perWeight: number): void
}

/**
 * A way to choose. Implement it for an algorithm of your own: `update` may allocate, `pick` should not. What it throws, and a backend that is not in
 * `view.eligible` or that `accepts` refuses, end the pick with `ERR_AETHER_ALGORITHM_INVALID`; no slot is taken.
 *
 * @example
 * class Cheapest implements Strategy {
 *   readonly name = 'cheapest'
 *   private backends: readonly Backend[] = []
 *
 *   update({ eligible }: StrategyView): void {
 *     const price = ({ metadata }: Backend): number => Number(metadata['price'] ?? 0)
 *     this.backends = eligible.toSorted((a, b) => price(a) - price(b))
 *   }
 *
 *   pick(picking: Picking): Backend | undefined {
 *     return this.backends.find((backend) => picking.accepts(backend))
 *   }
 * }
 *
 * const lb = createBalancer({ algorithm: () => new Cheapest() })
 */
export interface Strategy {
  readonly name: string
  /** Backends of every priority stand in one view: the strategy ranks them itself. @default false */
  readonly ranksPriorities?: boolean
  /** What `Picking.hash` is made of: the key of the request, or the address of its client. Without it there is no hash, and none is worked out. */
  readonly placesBy?: 'key' | 'client'
  /** Called before the first pick, and before the next one after anything changed. Keep state for those that stay. */
  update(view: StrategyView): void
  /** `undefined` only when `accepts` refuses every one. */
  pick(picking: Picking): Backend | undefined
}

/** What one of ours may say besides. */
export interface OwnStrategy extends Strategy {
  /** The capability that each workload needs: a backend without it does not accept such a request, wherever the request is led. */
  readonly needs?: ReadonlyMap<string, string>
}
