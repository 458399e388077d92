import type { Health } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import { checkCount, checkFields, checkFunction, checkMs, checkShare, show } from '../check-options.ts'
import type { Clock, Timer } from '../clock.ts'
import { invalidOption } from '../errors.ts'
import type { Random } from '../random.ts'
import { reasonText } from '../reason-text.ts'
import type { CheckGate } from './check-gate.ts'
import { httpProbe, type HttpProbeOptions } from './http-probe.ts'
import { type Probe, type ProbeResult, resultOf } from './probe.ts'
import { tcpProbe } from './tcp-probe.ts'

/** What active checks ask, how often, and how many answers it takes to be believed. */
export interface HealthCheckOptions {
  /** `'tcp'` connects, `'http'` (or an object, for its path and the like) sends a request, a function does what it likes. */
  readonly probe: 'tcp' | 'http' | HttpProbeOptions | Probe
  /** @default 5_000 */
  readonly intervalMs?: number
  /** @default 2_000 */
  readonly timeoutMs?: number
  /** Part of the interval by which it varies, so that checks do not march in step. @default 0.1 */
  readonly jitter?: number
  /** Failures in a row that make a backend unhealthy. @default 3 */
  readonly unhealthyThreshold?: number
  /** Failures in a row that make it degraded before that. @default the half of `unhealthyThreshold`, rounded up */
  readonly degradedThreshold?: number
  /** Successes in a row that make an unhealthy one healthy. @default 2 */
  readonly healthyThreshold?: number
  /** A success that took longer says degraded. @default never */
  readonly degradedMs?: number
  /** Checks at a time, of all backends; with more backends than that the first checks spread over an interval. @default 256 */
  readonly maxConcurrent?: number
}

export type CheckedHealth = Required<Omit<HealthCheckOptions, 'probe' | 'degradedMs'>> & {
  readonly probe: Probe
  readonly degradedMs: number
}

export function checkHealth(options: HealthCheckOptions, path = 'healthCheck'): CheckedHealth {
  checkFields(options, path, [
    'probe',
    'intervalMs',
    'timeoutMs',
    'jitter',
    'unhealthyThreshold',
    'degradedThreshold',
    'healthyThreshold',
    'degradedMs',
    'maxConcurrent',
  ])
  const { intervalMs = 5_000, timeoutMs = 2_000, jitter = 0.1, healthyThreshold = 2 } = options
  const unhealthyThreshold = checkCount(options.unhealthyThreshold ?? 3, `${path}.unhealthyThreshold`)
  return {
    probe: probeOf(options.probe, `${path}.probe`),
    intervalMs: checkMs(intervalMs, `${path}.intervalMs`),
    timeoutMs: checkMs(timeoutMs, `${path}.timeoutMs`),
    jitter: checkShare(jitter, `${path}.jitter`),
    unhealthyThreshold,
    degradedThreshold: checkCount(
      options.degradedThreshold ?? Math.ceil(unhealthyThreshold / 2),
      `${path}.degradedThreshold`,
    ),
    healthyThreshold: checkCount(healthyThreshold, `${path}.healthyThreshold`),
    degradedMs:
      options.degradedMs === undefined ? Infinity : checkMs(options.degradedMs, `${path}.degradedMs`),
    maxConcurrent: checkCount(options.maxConcurrent ?? 256, `${path}.maxConcurrent`),
  }
}

function probeOf(probe: HealthCheckOptions['probe'] | undefined, path: string): Probe {
  if (probe === 'tcp') return tcpProbe()
  if (probe === 'http') return httpProbe()
  if (typeof probe === 'object' && probe !== null) return httpProbe(probe, path)
  if (typeof probe !== 'function')
    throw invalidOption(`${path} must be 'tcp', 'http', an object or a function, not ${show(probe)}`)
  checkFunction(probe, path)
  return probe
}

/** What active checks know of one backend. */
export interface HealthStatus {
  readonly backendId: string
  readonly status: Health
  readonly consecutiveFailures: number
  readonly consecutiveSuccesses: number
  /** How long the last check took. */
  readonly responseTimeMs: number | undefined
  readonly error: string | undefined
  /** Epoch milliseconds; `undefined` before the first check. */
  readonly checkedAt: number | undefined
}

export interface HealthWorld {
  readonly clock: Clock
  readonly random: Random
  readonly gate: CheckGate
  readonly onHealth: (before: Health, error: string | undefined) => void
}

/** Looks after one backend. A check that throws, hangs or answers nonsense is a failed check, never more. */
export class HealthChecker {
  private failures = 0
  private successes = 0
  private responseTimeMs: number | undefined = undefined
  private error: string | undefined = undefined
  private checkedAt: number | undefined = undefined
  private timer: Timer | undefined = undefined
  private running: Promise<HealthStatus> | undefined = undefined
  private stop: AbortController | undefined = undefined
  private isStarted = false
  private isClosed = false
  private readonly endpoint: Endpoint
  private readonly options: CheckedHealth
  private readonly world: HealthWorld

  constructor(endpoint: Endpoint, options: CheckedHealth, world: HealthWorld) {
    this.endpoint = endpoint
    this.options = options
    this.world = world
  }

  /** The first check now or after a while, then one an interval. */
  start(delayMs = 0): void {
    this.isStarted = true
    // A check has no way to fail but to say so in the health of its backend.
    if (delayMs <= 0) void this.checkNow()
    else this.timer = this.world.clock.setTimer(() => this.start(), delayMs)
  }

  /** One check as soon as there is a place for it, or the one under way. */
  checkNow(): Promise<HealthStatus> {
    if (this.isClosed) return Promise.resolve(this.status())
    this.running ??= this.run().finally(() => {
      this.running = undefined
      this.schedule()
    })
    return this.running
  }

  status(): HealthStatus {
    return {
      backendId: this.endpoint.id,
      status: this.endpoint.health,
      consecutiveFailures: this.failures,
      consecutiveSuccesses: this.successes,
      responseTimeMs: this.responseTimeMs,
      error: this.error,
      checkedAt: this.checkedAt,
    }
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.stop?.abort(new Error('the backend is looked after no more'))
  }

  private schedule(): void {
    if (this.isClosed || !this.isStarted) return
    const { intervalMs, jitter } = this.options
    this.timer?.cancel()
    const delayMs = intervalMs * (1 + jitter * (this.world.random() * 2 - 1))
    this.timer = this.world.clock.setTimer(() => this.start(), Math.max(1, delayMs))
  }

  private async run(): Promise<HealthStatus> {
    const stop = new AbortController()
    this.stop = stop
    const { gate } = this.world
    try {
      if (!gate.tryEnter()) await gate.wait(stop.signal)
    } catch {
      // Closed before it was its turn.
      return this.status()
    }
    try {
      if (!this.isClosed) await this.look(stop)
    } finally {
      gate.leave()
    }
    return this.status()
  }

  private async look(stop: AbortController): Promise<void> {
    const { clock } = this.world
    const { timeoutMs, probe, degradedMs } = this.options
    const startedAt = clock.monotonic()
    const timer = clock.setTimer(() => stop.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    let found: ProbeResult = 'unhealthy'
    let error: string | undefined
    try {
      found = resultOf(await Promise.race([probe(this.endpoint, stop.signal), aborted(stop.signal)]))
      if (found === 'unhealthy') error = 'the check says unhealthy'
    } catch (failure) {
      error = reasonText(stop.signal.aborted ? stop.signal.reason : failure)
    } finally {
      timer.cancel()
      this.stop = undefined
    }
    if (this.isClosed) return
    this.responseTimeMs = clock.monotonic() - startedAt
    this.checkedAt = clock.now()
    this.error = error
    this.settle(found === 'healthy' && this.responseTimeMs > degradedMs ? 'degraded' : found)
  }

  private settle(found: ProbeResult): void {
    const { endpoint, options } = this
    const before = endpoint.health
    if (found === 'unhealthy') {
      this.failures++
      this.successes = 0
      if (this.failures >= options.unhealthyThreshold) endpoint.health = 'unhealthy'
      else if (this.failures >= options.degradedThreshold && before !== 'unhealthy')
        endpoint.health = 'degraded'
    } else {
      this.successes++
      this.failures = 0
      // One that was down has to prove itself; of one that is new, or not quite well, the latest news counts.
      if (before !== 'unhealthy' || this.successes >= options.healthyThreshold) endpoint.health = found
    }
    if (endpoint.health !== before) this.world.onHealth(before, this.error)
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    // By the function that is the check: it may take its own backend away.
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
