import type { Health } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import type { BreakerState } from '../health/circuit-breaker.ts'
import type { Counters } from '../requests/router.ts'

export interface BackendLoad {
  readonly host: string
  readonly port: number
  readonly zone: string | undefined
  readonly priority: number
  readonly weight: number
  readonly active: number
  readonly total: number
  readonly ok: number
  readonly failed: number
  /** Given up by the caller, or beaten by another attempt. */
  readonly cancelled: number
  /** Failed of those that ended, without the cancelled ones. */
  readonly errorRate: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly health: Health
  readonly breaker: BreakerState
  readonly isDraining: boolean
  readonly isEjected: boolean
  readonly sessions: number
  /** Of all requests that went to the backends that are there now. */
  readonly share: number
}

export interface LoadDistribution extends Readonly<Counters> {
  /** Epoch milliseconds. */
  readonly at: number
  readonly algorithm: string
  /** Slots held now. */
  readonly active: number
  readonly queued: number
  /** What adaptive concurrency allows now. */
  readonly concurrencyLimit: number | undefined
  readonly isPanic: boolean
  /** Attempts at all backends that are there now. */
  readonly total: number
  readonly backends: Readonly<Record<string, BackendLoad>>
}

export function loadOf(endpoint: Endpoint, total: number, measures: boolean): BackendLoad {
  const ended = endpoint.succeeded + endpoint.failed
  const histogram = measures ? endpoint.histogram : undefined
  return {
    host: endpoint.host,
    port: endpoint.port,
    zone: endpoint.zone,
    priority: endpoint.priority,
    weight: endpoint.weight,
    active: endpoint.active,
    total: endpoint.total,
    ok: endpoint.succeeded,
    failed: endpoint.failed,
    cancelled: endpoint.cancelled,
    errorRate: ended === 0 ? 0 : endpoint.failed / ended,
    meanMs: histogram?.meanMs ?? 0,
    p50Ms: histogram?.quantile(0.5) ?? 0,
    p95Ms: histogram?.quantile(0.95) ?? 0,
    p99Ms: histogram?.quantile(0.99) ?? 0,
    health: endpoint.health,
    breaker: endpoint.breaker.state,
    isDraining: endpoint.isDraining,
    isEjected: endpoint.isEjected,
    sessions: endpoint.sessions,
    share: total === 0 ? 0 : endpoint.total / total,
  }
}
