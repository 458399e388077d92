import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import { hashPair } from '../hash/hash-text.ts'
import type { Dice } from '../random.ts'
import type { LbRequest } from '../requests/request.ts'
import { choose as rank } from '../strategies/rendezvous.ts'
import type { Strategy } from '../strategies/strategy.ts'
import { emptyRecord, type Exclusion, type PickExplanation, PickTrace } from './pick-trace.ts'
import { PickingState } from './picking-state.ts'
import type { Pool } from './pool.ts'
import { Pools, type PoolsOptions, type PoolsWorld } from './pools.ts'

export interface SelectorOptions extends PoolsOptions {
  readonly hashKey: number
  /** Picks to remember for `explain`; 0 remembers none. */
  readonly explainLimit: number
}

export interface SelectorWorld extends PoolsWorld {
  readonly dice: Dice
}

const noBackends: readonly Backend[] = []
/** Shares are drawn in parts of a percent. */
const onePercent = 10_000_000
const oneHundred = 100 * onePercent
const levelSalt = 0x3c6ef372

/** Picks: level and zone by their shares, then a backend by the algorithm. */
export class Selector {
  private readonly pools: Pools
  private readonly world: SelectorWorld
  private readonly trace: PickTrace | undefined
  private readonly picking: PickingState
  private readonly record = emptyRecord()
  private described = -1

  constructor(makeStrategy: () => Strategy, options: SelectorOptions, world: SelectorWorld) {
    this.world = world
    this.pools = new Pools(makeStrategy, options, world)
    this.trace = options.explainLimit === 0 ? undefined : new PickTrace(options.explainLimit)
    this.picking = new PickingState(world, { hashKey: options.hashKey, trace: this.trace })
    this.picking.setNeeds(this.pools.needs)
  }

  get isPanic(): boolean {
    return this.pools.isPanic
  }

  /** Counts, latencies and breakers stay with the backends, so the new algorithm starts with all that is known. */
  setStrategy(makeStrategy: () => Strategy): void {
    this.pools.setStrategy(makeStrategy)
    this.picking.setNeeds(this.pools.needs)
  }

  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.pools.setEndpoints(endpoints)
  }

  /** Health, breaker, draining or weights changed. */
  invalidate(): void {
    this.pools.isStale = true
  }

  /** Brings `isEligible` of every backend up to date. */
  refresh(): void {
    if (this.pools.isStale) this.pools.refresh()
  }

  /** The request with all that it requires: by the algorithm its workload may need something, too. */
  whole(request: LbRequest): LbRequest {
    return this.picking.whole(request)
  }

  /** `undefined` when nobody takes it. `tried` are backends that already had it; `now` where the caller knows the time. */
  choose(request: LbRequest, tried: readonly Backend[] = noBackends, now = -1): Endpoint | undefined {
    this.refresh()
    this.trace?.begin()
    this.picking.start(request, tried, now)
    const first = this.pools.list[0]
    const home = first === undefined || first.share >= 100 ? first : this.homeOf(first.strategy.placesBy)
    const chosen = this.pickFrom(home, false) ?? this.pickBeyond(home, false)
    if (this.trace !== undefined) this.remember(request, chosen)
    return chosen
  }

  /**
   * The highest-ranking backend of the request's key among those that take it, whatever the algorithm is; which level and zone it is looked for in depends on
   * the key too. O(n).
   */
  chooseByHash(request: LbRequest, tried: readonly Backend[]): Endpoint | undefined {
    this.refresh()
    this.trace?.begin()
    const { picking } = this
    picking.start(request, tried, -1)
    picking.placeBy('key')
    const home = this.poolAt(pointOf(picking.hash))
    return this.pickFrom(home, true) ?? this.pickBeyond(home, true)
  }

  /** Whether this backend takes this request now: for sticky sessions, which also go to backends that drain. */
  takes(endpoint: Endpoint, request: LbRequest, tried: readonly Backend[] = noBackends): boolean {
    this.refresh()
    this.trace?.propose(endpoint)
    this.picking.start(request, tried, -1)
    const takes = this.isTaken(endpoint)
    if (!takes) this.trace?.hold()
    return takes
  }

  private isTaken(endpoint: Endpoint): boolean {
    const isDraining = endpoint.isDraining && endpoint.isUp && !endpoint.isRemoved
    if (!isDraining) return this.picking.accepts(endpoint)
    endpoint.isEligible = true
    const takes = this.picking.accepts(endpoint)
    endpoint.isEligible = false
    return takes
  }

  /** For `explain`: affinity has led the request here. */
  rememberSticky(request: LbRequest, chosen: Endpoint, now: number): void {
    if (this.trace === undefined) return
    this.picking.start(request, noBackends, now)
    this.record.isSticky = true
    this.remember(request, chosen)
    this.record.isSticky = false
  }

  explain(): readonly PickExplanation[] {
    const { clock } = this.world
    return this.trace?.list(clock.now() - clock.monotonic()) ?? []
  }

  close(): void {
    this.pools.close()
  }

  private remember(request: LbRequest, chosen: Endpoint | undefined): void {
    const { trace, record } = this
    if (this.described !== this.pools.generation) this.describe()
    record.requestId = request.id
    record.chosen = chosen
    record.pool = chosen?.pool?.name ?? ''
    this.picking.readTime()
    record.at = this.picking.time
    trace?.finish(record)
  }

  /** Level and zone by chance, or by what a hash places by: otherwise a key would have one backend in each of them. */
  private homeOf(placesBy: Strategy['placesBy']): Pool | undefined {
    // Drawn as a whole number: a fraction that a function returns is made an object.
    if (placesBy === undefined) return this.poolAt(this.world.dice.below(oneHundred))
    this.picking.placeBy(placesBy)
    return this.poolAt(pointOf(this.picking.hash))
  }

  /** Level and zone by where `point` falls on their shares. */
  private poolAt(point: number): Pool | undefined {
    const { list } = this.pools
    let rest = point / onePercent
    for (let index = 0; index < list.length; index++) {
      rest -= (list[index] as Pool).share
      if (rest < 0) return list[index]
    }
    return list[0]
  }

  /** A level or zone that is full, or that was tried, hands on to the others, the preferred first. */
  private pickBeyond(home: Pool | undefined, isByKey: boolean): Endpoint | undefined {
    for (const pool of this.pools.list) {
      const chosen = pool === home ? undefined : this.pickFrom(pool, isByKey)
      if (chosen !== undefined) return chosen
    }
    return undefined
  }

  private pickFrom(pool: Pool | undefined, isByKey: boolean): Endpoint | undefined {
    if (pool === undefined || pool.eligible.length === 0) return undefined
    const { picking } = this
    if (isByKey) return rank(pool.eligible, picking.hash, picking) as Endpoint | undefined
    picking.poolActive = pool.active
    picking.placeBy(pool.strategy.placesBy)
    return pool.strategy.pick(picking) as Endpoint | undefined
  }

  /** Only a pick that is remembered needs to know who could not be taken. */
  private describe(): void {
    this.described = this.pools.generation
    this.record.algorithm = this.pools.list[0]?.strategy.name ?? ''
    this.record.excluded = this.pools.endpoints
      .filter((endpoint) => !endpoint.isEligible)
      .map((endpoint) => ({ backendId: endpoint.id, reason: reasonOf(endpoint) }))
  }
}

/** A point on the shares, from nothing to one hundred, from a hash; apart from what the hash leads to within a level. */
function pointOf(hash: number): number {
  return Math.floor(((hashPair(hash, levelSalt) >>> 0) / 4_294_967_296) * oneHundred)
}

function reasonOf(endpoint: Endpoint): Exclusion {
  if (endpoint.isDraining) return 'draining'
  if (endpoint.breaker.state === 'open') return 'breaker-open'
  return endpoint.isEjected ? 'ejected' : 'unhealthy'
}
