import type { Endpoint } from '../backends/endpoint.ts'
import { checkCount, checkFields, checkMs, checkNumber, checkShare } from '../check-options.ts'
import type { Clock, Timer } from '../clock.ts'
import type { Random } from '../random.ts'

/** Which backends are ejected for their traffic, and for how long. */
export interface OutlierOptions {
  /** Failures in a row that eject at once. @default 5 */
  readonly consecutiveFailures?: number
  /** How often success rates are compared and ejections end. @default 10_000 */
  readonly sweepMs?: number
  /** The first ejection lasts this long, the n-th n times as long; each sweep without one takes one back from n. @default 30_000 */
  readonly baseEjectionMs?: number
  /** @default 300_000 */
  readonly maxEjectionMs?: number
  /** Added at random, so that many do not come back at once. @default 1_000 */
  readonly jitterMs?: number
  /** Part of the backends that may be out at a time; one always may. @default 0.1 */
  readonly maxEjected?: number
  /** Standard deviations below the mean success rate that eject. @default 1.9 */
  readonly deviations?: number
  /** Backends with enough requests that a comparison needs. @default 5 */
  readonly minHosts?: number
  /** Requests between two sweeps that make a backend comparable. @default 100 */
  readonly minRequests?: number
}

export function checkOutlier(options: OutlierOptions, path = 'outlier'): Required<OutlierOptions> {
  const fields = checkFields(options, path, [...names])
  const of = (name: (typeof names)[number], fallback: number): unknown => fields[name] ?? fallback
  return {
    consecutiveFailures: checkCount(of('consecutiveFailures', 5), `${path}.consecutiveFailures`),
    sweepMs: checkMs(of('sweepMs', 10_000), `${path}.sweepMs`),
    baseEjectionMs: checkMs(of('baseEjectionMs', 30_000), `${path}.baseEjectionMs`),
    maxEjectionMs: checkMs(of('maxEjectionMs', 300_000), `${path}.maxEjectionMs`),
    jitterMs: checkNumber(of('jitterMs', 1_000), `${path}.jitterMs`),
    maxEjected: checkShare(of('maxEjected', 0.1), `${path}.maxEjected`),
    deviations: checkNumber(of('deviations', 1.9), `${path}.deviations`, { above: true }),
    minHosts: checkCount(of('minHosts', 5), `${path}.minHosts`, 2),
    minRequests: checkCount(of('minRequests', 100), `${path}.minRequests`),
  }
}

const names = [
  'consecutiveFailures',
  'sweepMs',
  'baseEjectionMs',
  'maxEjectionMs',
  'jitterMs',
  'maxEjected',
  'deviations',
  'minHosts',
  'minRequests',
] as const

/** What is counted of one backend. */
export interface OutlierWatch {
  inRow: number
  succeeded: number
  failed: number
  /** By how many times the base the next ejection is longer than the first. */
  ejections: number
  /** Monotonic; 0 while it is not ejected. */
  ejectedUntil: number
}

export interface OutlierWorld {
  readonly clock: Clock
  readonly random: Random
  readonly endpoints: () => readonly Endpoint[]
  readonly onEjection: (endpoint: Endpoint, reason: string) => void
  readonly onReturn: (endpoint: Endpoint) => void
}

/** Takes backends out for a while that fail in a row, or much more often than the others; judged by real traffic, as Envoy does it. */
export class OutlierDetector {
  private readonly watches = new Map<Endpoint, OutlierWatch>()
  private readonly options: Required<OutlierOptions>
  private readonly world: OutlierWorld
  /** Backends that are out now. */
  private ejected = 0
  private timer: Timer | undefined = undefined
  private isClosed = false

  constructor(options: Required<OutlierOptions>, world: OutlierWorld) {
    this.options = options
    this.world = world
  }

  start(): void {
    if (this.isClosed) return
    this.timer ??= this.world.clock.setTimer(() => {
      this.timer = undefined
      this.sweep()
      this.start()
    }, this.options.sweepMs)
  }

  record(endpoint: Endpoint, ok: boolean): void {
    const watch = this.watch(endpoint)
    if (ok) {
      watch.succeeded++
      watch.inRow = 0
      return
    }
    watch.failed++
    watch.inRow++
    if (watch.inRow >= this.options.consecutiveFailures)
      this.eject(endpoint, `${watch.inRow} failures in a row`)
  }

  /** Of a backend that is gone. */
  forget(endpoint: Endpoint): void {
    if (endpoint.isEjected) this.ejected--
    this.watches.delete(endpoint)
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.timer = undefined
  }

  /** Ends ejections that lasted long enough, compares success rates, and begins to count anew. */
  sweep(): void {
    const now = this.world.clock.monotonic()
    for (const [endpoint, watch] of this.watches) {
      if (watch.ejectedUntil === 0) watch.ejections = Math.max(0, watch.ejections - 1)
      else if (now >= watch.ejectedUntil) this.bringBack(endpoint, watch)
    }
    this.compareRates()
    for (const watch of this.watches.values()) {
      watch.succeeded = 0
      watch.failed = 0
    }
  }

  private compareRates(): void {
    const { minHosts, minRequests, deviations } = this.options
    const rated = [...this.watches]
      .filter(([endpoint, watch]) => !endpoint.isEjected && watch.succeeded + watch.failed >= minRequests)
      .map(([endpoint, watch]) => ({ endpoint, rate: watch.succeeded / (watch.succeeded + watch.failed) }))
    if (rated.length < minHosts) return
    const mean = rated.reduce((sum, { rate }) => sum + rate, 0) / rated.length
    const variance = rated.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / rated.length
    const least = mean - deviations * Math.sqrt(variance)
    const worst = rated.filter(({ rate }) => rate < least).toSorted((a, b) => a.rate - b.rate)
    for (const { endpoint, rate } of worst)
      this.eject(
        endpoint,
        `success rate ${(rate * 100).toFixed(1)} %, the mean is ${(mean * 100).toFixed(1)} %`,
      )
  }

  private eject(endpoint: Endpoint, reason: string): void {
    const { baseEjectionMs, maxEjectionMs, jitterMs, maxEjected } = this.options
    if (endpoint.isEjected || endpoint.isRemoved) return
    if (this.ejected + 1 > Math.max(1, Math.floor(this.world.endpoints().length * maxEjected + 1e-9))) return
    const watch = this.watch(endpoint)
    // Past the limit a count would only take longer to go down again.
    if (baseEjectionMs * watch.ejections < maxEjectionMs) watch.ejections++
    watch.ejectedUntil =
      this.world.clock.monotonic() +
      Math.min(baseEjectionMs * watch.ejections, maxEjectionMs) +
      this.world.random() * jitterMs
    endpoint.isEjected = true
    this.ejected++
    // Also where nobody started: what is ejected has to come back.
    this.start()
    this.world.onEjection(endpoint, reason)
  }

  private bringBack(endpoint: Endpoint, watch: OutlierWatch): void {
    watch.ejectedUntil = 0
    watch.inRow = 0
    watch.succeeded = 0
    watch.failed = 0
    endpoint.isEjected = false
    this.ejected--
    this.world.onReturn(endpoint)
  }

  private watch(endpoint: Endpoint): OutlierWatch {
    // It stands with the backend, where it costs nothing to find; the map is for the sweep.
    if (endpoint.watch === undefined) {
      endpoint.watch = { inRow: 0, succeeded: 0, failed: 0, ejections: 0, ejectedUntil: 0 }
      if (!endpoint.isRemoved) this.watches.set(endpoint, endpoint.watch)
    }
    return endpoint.watch
  }
}
