import type { Health } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import type { BreakerState } from '../health/circuit-breaker.ts'
import { Histogram } from '../latency/histogram.ts'
import type { Counters, Router } from '../requests/router.ts'
import type { Selector } from '../selection/selector.ts'
import { RateMeter } from './rate-meter.ts'

/** What attempts came to, at one backend or at all. */
export interface Load {
  /** Slots held now. */
  readonly active: number
  /** Attempts since the start; those of all are the ones at backends that are there now. */
  readonly total: number
  readonly ok: number
  readonly failed: number
  /** Given up by the caller, or beaten by another attempt. */
  readonly cancelled: number
  /** Failed of those that ended, without the cancelled ones. */
  readonly errorRate: number
  /** Attempts (of all together: requests) a second, over the last ten seconds, or since it was last asked for where that is longer. */
  readonly perSecond: number
  /** Latencies of what succeeded; 0 without the option `metrics`. */
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** The load of one backend, and how it is. */
export interface BackendLoad extends Load {
  readonly host: string
  readonly port: number
  readonly zone: string | undefined
  readonly priority: number
  readonly weight: number
  readonly health: Health
  readonly breaker: BreakerState
  readonly isDraining: boolean
  readonly isEjected: boolean
  readonly sessions: number
  /** Of all requests that went to the backends that are there now. */
  readonly share: number
}

/** The load of all together and of each backend; numbers count since the start. */
export interface LoadDistribution extends Readonly<Counters>, Load {
  /** Epoch milliseconds. */
  readonly at: number
  readonly algorithm: string
  readonly queued: number
  /** What adaptive concurrency allows now. */
  readonly concurrencyLimit: number | undefined
  readonly isPanic: boolean
  readonly backends: Readonly<Record<string, BackendLoad>>
}

export interface ObservedWorld {
  readonly router: Router
  readonly selector: Selector
  readonly endpoints: () => readonly Endpoint[]
  readonly algorithm: () => string
  readonly clock: { now(): number; monotonic(): number }
}

const noLatencies = new Histogram()

/** Sums up what the balancer has counted, when somebody asks. */
export class LoadObserver {
  private readonly rates = new WeakMap<Endpoint, RateMeter>()
  private readonly rate: RateMeter
  private readonly world: ObservedWorld

  constructor(world: ObservedWorld) {
    this.world = world
    this.rate = new RateMeter(0, world.clock.monotonic())
  }

  /** Its rate counts from now on. */
  watch(endpoint: Endpoint): void {
    this.rates.set(endpoint, new RateMeter(endpoint.total, this.world.clock.monotonic()))
  }

  read(): LoadDistribution {
    const { router, selector, clock } = this.world
    selector.refresh()
    const endpoints = this.world.endpoints()
    const now = clock.monotonic()
    const sum = { active: router.inFlight, total: 0, succeeded: 0, failed: 0, cancelled: 0 }
    const latencies = new Histogram()
    for (const endpoint of endpoints) {
      sum.total += endpoint.total
      sum.succeeded += endpoint.succeeded
      sum.failed += endpoint.failed
      sum.cancelled += endpoint.cancelled
      if (endpoint.latencies !== undefined) latencies.add(endpoint.latencies)
    }
    const loads = endpoints.map((endpoint) => [endpoint.id, this.backend(endpoint, sum.total, now)] as const)
    return {
      ...router.counters,
      ...loadOf(sum, latencies),
      perSecond: this.rate.read(router.counters.requests, now),
      at: clock.now(),
      algorithm: this.world.algorithm(),
      queued: router.queue.size,
      concurrencyLimit: router.limit?.current,
      isPanic: selector.isPanic,
      backends: Object.fromEntries(loads),
    }
  }

  private backend(endpoint: Endpoint, total: number, now: number): BackendLoad {
    return {
      host: endpoint.host,
      port: endpoint.port,
      zone: endpoint.zone,
      priority: endpoint.priority,
      weight: endpoint.weight,
      ...loadOf(endpoint, endpoint.latencies ?? noLatencies),
      perSecond: this.rates.get(endpoint)?.read(endpoint.total, now) ?? 0,
      health: endpoint.health,
      breaker: endpoint.breaker.state,
      isDraining: endpoint.isDraining,
      isEjected: endpoint.isEjected,
      sessions: endpoint.sessions,
      share: total === 0 ? 0 : endpoint.total / total,
    }
  }
}

interface Counted {
  readonly active: number
  readonly total: number
  readonly succeeded: number
  readonly failed: number
  readonly cancelled: number
}

function loadOf(counted: Counted, latencies: Histogram): Omit<Load, 'perSecond'> {
  const ended = counted.succeeded + counted.failed
  return {
    active: counted.active,
    total: counted.total,
    ok: counted.succeeded,
    failed: counted.failed,
    cancelled: counted.cancelled,
    errorRate: ended === 0 ? 0 : counted.failed / ended,
    meanMs: latencies.meanMs,
    p50Ms: latencies.quantile(0.5),
    p95Ms: latencies.quantile(0.95),
    p99Ms: latencies.quantile(0.99),
  }
}
