import type { CircuitBreaker, BreakerState } from '../health/circuit-breaker.ts'
import { hashText } from '../hash/hash-text.ts'
import type { OutlierWatch } from '../health/outlier-detector.ts'
import { Histogram } from '../latency/histogram.ts'
import type { Moment } from '../latency/moment.ts'
import { PeakEwma } from '../latency/peak-ewma.ts'
import type { HeldLease } from '../requests/lease.ts'
import type { Pool } from '../selection/pool.ts'
import type { Backend, CheckedBackend, Health } from './backend.ts'

/** Load of a backend of which nothing is known while requests are under way there: worse than any that was measured. */
const unknownLoad = 1e9

const isRead = (): void => {}

/** A backend with all that changes about it. What a pick reads stands first. */
export class Endpoint implements Backend {
  active = 0
  maxConnections: number
  /** Takes new requests: decided by the selector, for its level and zone. */
  isEligible = false
  isProbing = false
  effectiveWeight: number
  weight: number

  readonly id: string
  readonly key: number
  readonly host: string
  readonly port: number
  readonly hostname: string
  priority: number
  zone: string | undefined
  group: string | undefined
  capabilities: readonly string[]
  metadata: Readonly<Record<string, unknown>>

  health: Health = 'unknown'
  isDraining = false
  isEjected = false
  isRemoved = false
  /** Active checks look after it: until the first of them nobody knows whether it works. */
  isChecked = false
  /** When slow start began, in monotonic milliseconds; -1 when it is over. */
  warmingSince = -1
  /** Sticky sessions that lead here. */
  sessions = 0
  pool: Pool | undefined = undefined
  /** What outlier detection counts. */
  watch: OutlierWatch | undefined = undefined

  readonly latency: PeakEwma
  /** What `estimate` found last. */
  estimatedMs = 0
  estimatedLoad = 0
  breaker!: CircuitBreaker
  /** Leases in the order of their start. */
  oldest: HeldLease | undefined = undefined
  newest: HeldLease | undefined = undefined

  total = 0
  succeeded = 0
  failed = 0
  cancelled = 0
  private measured: Histogram | undefined = undefined

  constructor(options: CheckedBackend, hashKey: number, tauMs: number) {
    this.id = options.id
    this.key = hashText(options.id, hashKey)
    this.host = options.host
    this.port = options.port
    this.hostname = options.hostname
    this.weight = options.weight
    this.effectiveWeight = options.weight
    this.maxConnections = options.maxConnections
    this.priority = options.priority
    this.zone = options.zone
    this.group = options.group
    this.capabilities = options.capabilities
    this.metadata = options.metadata
    this.latency = new PeakEwma(tauMs)
  }

  get breakerState(): BreakerState {
    return this.breaker.state
  }

  get histogram(): Histogram {
    return (this.measured ??= new Histogram())
  }

  /** `undefined` before the first one. */
  get latencies(): Histogram | undefined {
    return this.measured
  }

  /** Fit for traffic as far as checks, outlier detection and breaker know. */
  get isUp(): boolean {
    return this.health !== 'unhealthy' && !this.isEjected && this.breaker.state !== 'open'
  }

  expectedMs(now: number): number {
    this.estimate({ time: now, readTime: isRead })
    return this.estimatedMs
  }

  expectedLoad(now: number): number {
    this.estimate({ time: now, readTime: isRead })
    return this.estimatedLoad
  }

  /** Leaves both in fields: fractions that go in and out of functions are made objects, and a pick must allocate nothing. */
  estimate(moment: Moment): void {
    const { latency, oldest } = this
    moment.readTime()
    const now = moment.time
    let expectedMs = latency.cost
    const stamped = now - latency.stampedAt
    // Under a hundredth of τ the estimate changes by less than a hundredth: not worth an exponential.
    if (stamped * 100 >= latency.tauMs) expectedMs *= Math.exp(-stamped / latency.tauMs)
    if (oldest !== undefined) {
      // A stall shows before anything completes: what is still under way took at least this long.
      const age = now - oldest.startedAt
      if (age > expectedMs) expectedMs = age
    }
    this.estimatedMs = expectedMs
    this.estimatedLoad =
      !latency.hasHistory && this.active > 0
        ? unknownLoad * (this.active + 1)
        : (expectedMs * (this.active + 1)) / this.effectiveWeight
  }
}
