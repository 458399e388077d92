import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import type { Clock, Timer } from '../clock.ts'
import { type SlowStartOptions, warmth } from '../health/slow-start.ts'
import type { Dice } from '../random.ts'
import type { LbRequest } from '../requests/request.ts'
import { choose as rank } from '../strategies/rendezvous.ts'
import type { Strategy } from '../strategies/strategy.ts'
import { emptyRecord, type Exclusion, type PickExplanation, PickTrace } from './pick-trace.ts'
import { PickingState } from './picking-state.ts'
import { Pool } from './pool.ts'
import { type LevelHealth, type LevelLoad, levelLoads, localPercent } from './priority-load.ts'

export interface SelectorOptions {
  readonly zone: string | undefined
  /** 0 to 1. */
  readonly panicThreshold: number
  readonly slowStart: Required<SlowStartOptions> | undefined
  /** What is left of a weight while its backend is degraded. */
  readonly degradedShare: number
  readonly hashKey: number
  /** Picks to remember for `explain`; 0 remembers none. */
  readonly explainLimit: number
}

export interface SelectorWorld {
  readonly clock: Clock
  readonly dice: Dice
  /** Whether any level is in panic, when that changes. */
  readonly onPanic: (isPanic: boolean) => void
}

const noBackends: readonly Backend[] = []

/**
 * Decides who takes requests, and picks: level and zone by their shares, then a backend by the algorithm. What follows from health, weights and members is
 * worked out once after they changed, before the next pick.
 */
export class Selector {
  isPanic = false
  private endpoints: readonly Endpoint[] = []
  private pools: readonly Pool[] = []
  private readonly kept = new Map<string, Pool>()
  private isStale = true
  private isSameWeights = false
  private makeStrategy: () => Strategy
  private ranksPriorities = false
  private warming: Timer | undefined = undefined
  private readonly options: SelectorOptions
  private readonly world: SelectorWorld
  private readonly trace: PickTrace | undefined
  private readonly picking: PickingState
  private readonly record = emptyRecord()

  constructor(makeStrategy: () => Strategy, options: SelectorOptions, world: SelectorWorld) {
    this.options = options
    this.world = world
    this.makeStrategy = makeStrategy
    this.trace = options.explainLimit === 0 ? undefined : new PickTrace(options.explainLimit)
    this.picking = new PickingState(world, { hashKey: options.hashKey, trace: this.trace })
    this.setStrategy(makeStrategy)
  }

  /** Counts, latencies and breakers stay with the backends, so the new algorithm starts with all that is known. */
  setStrategy(makeStrategy: () => Strategy): void {
    this.ranksPriorities = makeStrategy().ranksPriorities ?? false
    this.makeStrategy = makeStrategy
    this.kept.clear()
    this.isStale = true
  }

  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.endpoints = endpoints
    this.isStale = true
  }

  /** Health, breaker, draining or weights changed. */
  invalidate(change: 'eligibility' | 'weights' = 'eligibility'): void {
    this.isStale = true
    if (change === 'weights') this.isSameWeights = false
  }

  /** Brings `isEligible` of every backend up to date. */
  refresh(): void {
    if (this.isStale) this.rebuild()
  }

  /** `undefined` when nobody takes it. `tried` are backends that already had it; `now` where the caller knows the time. */
  choose(request: LbRequest, tried: readonly Backend[] = noBackends, now = -1): Endpoint | undefined {
    if (this.isStale) this.rebuild()
    const { picking } = this
    picking.start(request, tried, now)
    const home = this.draw()
    let chosen = home === undefined ? undefined : this.pickFrom(home)
    // A level or zone that is full, or that was tried, hands on to the others, the preferred first.
    for (let index = 0; chosen === undefined && index < this.pools.length; index++) {
      const pool = this.pools[index] as Pool
      if (pool !== home) chosen = this.pickFrom(pool)
    }
    if (this.trace !== undefined) this.remember(request, chosen)
    return chosen
  }

  /** The highest-ranking backend of the request's key among all that take it, whatever the algorithm is. O(n). */
  chooseByHash(request: LbRequest, tried: readonly Backend[]): Endpoint | undefined {
    if (this.isStale) this.rebuild()
    this.picking.start(request, tried, -1)
    this.picking.placeBy('key')
    return rank(this.endpoints, this.picking.hash, this.picking) as Endpoint | undefined
  }

  /** Whether this backend takes this request now: for sticky sessions, which also go to backends that drain. */
  takes(endpoint: Endpoint, request: LbRequest, tried: readonly Backend[] = noBackends): boolean {
    if (this.isStale) this.rebuild()
    this.picking.start(request, tried, -1)
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
    this.warming?.cancel()
    this.warming = undefined
  }

  private remember(request: LbRequest, chosen: Endpoint | undefined): void {
    const { trace, record } = this
    record.requestId = request.id
    record.chosen = chosen
    record.pool = chosen?.pool?.name ?? ''
    record.at = this.picking.now()
    trace?.finish(record)
  }

  private draw(): Pool | undefined {
    const first = this.pools[0]
    if (first === undefined || first.share >= 100) return first
    let rest = this.world.dice.unit() * 100
    for (let index = 0; index < this.pools.length; index++) {
      const pool = this.pools[index] as Pool
      rest -= pool.share
      if (rest < 0) return pool
    }
    return first
  }

  private pickFrom(pool: Pool): Endpoint | undefined {
    if (pool.eligible.length === 0) return undefined
    const { strategy } = pool
    this.picking.poolActive = pool.active
    this.picking.placeBy(strategy.placesBy)
    return strategy.pick(this.picking) as Endpoint | undefined
  }

  private rebuild(): void {
    this.isStale = false
    const warmed = this.weigh()
    const levels = this.byPriority()
    const health = levels.map(healthOf)
    const loads = levelLoads(health, this.options.panicThreshold)
    const pools: Pool[] = []
    const isPanic = loads.some((load) => load.isPanic)
    levels.forEach((members, index) => this.addLevel(pools, members, loads[index] as LevelLoad))
    for (const name of this.kept.keys()) if (!pools.some((pool) => pool.name === name)) this.kept.delete(name)
    this.pools = pools
    this.isSameWeights = true
    if (this.trace !== undefined) {
      this.record.algorithm = pools[0]?.strategy.name ?? this.makeStrategy().name
      this.record.excluded = this.endpoints
        .filter((endpoint) => !endpoint.isEligible)
        .map((endpoint) => ({ backendId: endpoint.id, reason: reasonOf(endpoint) }))
    }
    this.keepWarming(warmed)
    if (isPanic === this.isPanic) return
    this.isPanic = isPanic
    this.world.onPanic(isPanic)
  }

  /** Effective weights; whether any of them is still rising. */
  private weigh(): boolean {
    const { slowStart, degradedShare } = this.options
    let isWarming = false
    const now = slowStart === undefined ? 0 : this.world.clock.monotonic()
    for (const endpoint of this.endpoints) {
      let weight = endpoint.weight
      if (slowStart !== undefined && endpoint.warmingSince >= 0) {
        const share = warmth(slowStart, now - endpoint.warmingSince)
        if (share >= 1) endpoint.warmingSince = -1
        else isWarming = true
        weight *= share
      }
      endpoint.isDegraded = endpoint.health === 'degraded'
      endpoint.effectiveWeight = endpoint.isDegraded ? weight * degradedShare : weight
    }
    return isWarming
  }

  private byPriority(): readonly (readonly Endpoint[])[] {
    if (this.ranksPriorities || this.endpoints.length === 0) return [this.endpoints]
    const levels = new Map<number, Endpoint[]>()
    for (const endpoint of this.endpoints) {
      const level = levels.get(endpoint.priority)
      if (level === undefined) levels.set(endpoint.priority, [endpoint])
      else level.push(endpoint)
    }
    return [...levels].toSorted(([a], [b]) => b - a).map(([, members]) => members)
  }

  private addLevel(pools: Pool[], members: readonly Endpoint[], load: LevelLoad): void {
    for (const endpoint of members) {
      const isOpen = endpoint.breaker.state === 'open'
      endpoint.isEligible = !endpoint.isDraining && !isOpen && (load.isPanic || endpoint.isUp)
      endpoint.isProbing = endpoint.breaker.state === 'half-open'
    }
    const name = this.ranksPriorities ? 'all' : `priority ${members[0]?.priority ?? 0}`
    const { zone } = this.options
    const local = zone === undefined ? [] : members.filter((endpoint) => endpoint.zone === zone)
    if (local.length === 0) {
      pools.push(this.updatePool(name, members, load.percent))
      return
    }
    const remote = members.filter((endpoint) => endpoint.zone !== zone)
    const percent = localPercent(healthOf(local), healthOf(remote))
    pools.push(this.updatePool(`${name}, zone ${zone}`, local, (load.percent * percent) / 100))
    if (remote.length > 0)
      pools.push(this.updatePool(`${name}, other zones`, remote, (load.percent * (100 - percent)) / 100))
  }

  private updatePool(name: string, members: readonly Endpoint[], share: number): Pool {
    let pool = this.kept.get(name)
    if (pool === undefined) {
      pool = new Pool(name, this.makeStrategy())
      this.kept.set(name, pool)
    }
    pool.update(members, share, this.isSameWeights)
    return pool
  }

  private keepWarming(isWarming: boolean): void {
    const { slowStart } = this.options
    if (!isWarming || slowStart === undefined || this.warming !== undefined) return
    const stepMs = Math.max(100, slowStart.windowMs / 20)
    this.warming = this.world.clock.setTimer(() => {
      this.warming = undefined
      this.isStale = true
      // Without traffic nothing else would rebuild, and the weight would stay as it was shown.
      this.refresh()
    }, stepMs)
  }
}

function healthOf(members: readonly Endpoint[]): LevelHealth {
  let total = 0
  let up = 0
  for (const endpoint of members) {
    if (endpoint.isDraining) continue
    total++
    if (endpoint.isUp) up++
  }
  return { total, up }
}

function reasonOf(endpoint: Endpoint): Exclusion {
  if (endpoint.isDraining) return 'draining'
  if (endpoint.breaker.state === 'open') return 'breaker-open'
  return endpoint.isEjected ? 'ejected' : 'unhealthy'
}
