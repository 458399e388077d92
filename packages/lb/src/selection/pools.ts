import type { Endpoint } from '../backends/endpoint.ts'
import type { Clock, Timer } from '../clock.ts'
import { type SlowStartOptions, warmth } from '../health/slow-start.ts'
import type { OwnStrategy, Strategy } from '../strategies/strategy.ts'
import { Pool } from './pool.ts'
import { type LevelHealth, type LevelLoad, levelLoads, localPercent } from './priority-load.ts'

export interface PoolsOptions {
  readonly zone: string | undefined
  /** 0 to 1. */
  readonly panicThreshold: number
  readonly slowStart: Required<SlowStartOptions> | undefined
  /** What is left of a weight while its backend is degraded. */
  readonly degradedShare: number
}

export interface PoolsWorld {
  readonly clock: Clock
  /** Whether any level is in panic, when that changes. */
  readonly onPanic: (isPanic: boolean) => void
}

const leastShare = 1e-4

/**
 * Who takes requests, in pools by priority and zone, the preferred first. What follows from health, weights and members is worked out once after they changed,
 * when it is next asked for.
 */
export class Pools {
  /** As of the last `refresh`. */
  list: readonly Pool[] = []
  endpoints: readonly Endpoint[] = []
  isPanic = false
  isStale = true
  /** Grows with each `refresh`. */
  generation = 0
  /** The capability that each workload needs, by the algorithm. */
  needs: ReadonlyMap<string, string> | undefined = undefined
  private readonly kept = new Map<string, Pool>()
  private makeStrategy: () => Strategy
  private ranksPriorities = false
  private warming: Timer | undefined = undefined
  private isClosed = false
  private readonly options: PoolsOptions
  private readonly world: PoolsWorld

  constructor(makeStrategy: () => Strategy, options: PoolsOptions, world: PoolsWorld) {
    this.options = options
    this.world = world
    this.makeStrategy = makeStrategy
    this.setStrategy(makeStrategy)
  }

  /** Counts, latencies and breakers stay with the backends, so the new algorithm starts with all that is known. */
  setStrategy(makeStrategy: () => Strategy): void {
    const { ranksPriorities = false, needs }: OwnStrategy = makeStrategy()
    this.ranksPriorities = ranksPriorities
    this.needs = needs
    this.makeStrategy = makeStrategy
    this.kept.clear()
    this.isStale = true
  }

  setEndpoints(endpoints: readonly Endpoint[]): void {
    this.endpoints = endpoints
    this.isStale = true
  }

  refresh(): void {
    this.isStale = false
    this.generation++
    const isWarming = this.weigh()
    const levels = this.byPriority()
    const loads = levelLoads(levels.map(healthOf), this.options.panicThreshold)
    const isPanic = loads.some((load) => load.isPanic)
    const pools: Pool[] = []
    levels.forEach((members, index) => this.addLevel(pools, members, loads[index] as LevelLoad))
    const names = new Set(pools.map((pool) => pool.name))
    for (const name of this.kept.keys()) if (!names.has(name)) this.kept.delete(name)
    this.list = pools
    this.keepWarming(isWarming)
    if (isPanic === this.isPanic) return
    this.isPanic = isPanic
    this.world.onPanic(isPanic)
  }

  close(): void {
    this.isClosed = true
    this.warming?.cancel()
    this.warming = undefined
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
        // No weight at all is nothing that shares could go by.
        weight *= Math.max(share, leastShare)
      }
      endpoint.effectiveWeight = endpoint.health === 'degraded' ? weight * degradedShare : weight
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
    // In panic nobody knows who is up: then all of them have to bear it, wherever they are.
    if (local.length === 0 || load.isPanic) {
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
    pool.update(members, share)
    return pool
  }

  private keepWarming(isWarming: boolean): void {
    const { slowStart } = this.options
    if (!isWarming || slowStart === undefined || this.warming !== undefined || this.isClosed) return
    const stepMs = Math.max(100, slowStart.windowMs / 20)
    this.warming = this.world.clock.setTimer(() => {
      this.warming = undefined
      // Without traffic nothing else would work the weights out anew, and they would be shown as they were.
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
