import type { Affinity } from '../affinity/affinity.ts'
import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import type { Clock } from '../clock.ts'
import { closedError, invalidOption, LbError } from '../errors.ts'
import type { OutlierDetector } from '../health/outlier-detector.ts'
import { Histogram } from '../latency/histogram.ts'
import type { RateLimiter } from '../limits/rate-limiter.ts'
import type { CheckedOptions } from '../options.ts'
import type { Random } from '../random.ts'
import type { Selector } from '../selection/selector.ts'
import { AdmissionQueue } from './admission-queue.ts'
import { GradientLimit } from './gradient-limit.ts'
import { HeldLease, type Lease, type LeaseOwner, type Outcome } from './lease.ts'
import type { LbRequest } from './request.ts'
import { RetryBudget } from './retry-budget.ts'
import { type Call, type RouteResult, RouteRun } from './route-run.ts'
import { TimerWheel } from './timer-wheel.ts'

/** What happened to requests as a whole, since the start. */
export interface Counters {
  requests: number
  retries: number
  hedges: number
  /** Refused by rate limits and flood guard. */
  limited: number
  /** Refused by the queue. */
  shed: number
  /** Refused because no backend was to be had. */
  unavailable: number
}

export interface RouterParts {
  readonly clock: Clock
  readonly random: Random
  readonly selector: Selector
  readonly affinity: Affinity | undefined
  readonly limiter: RateLimiter | undefined
  readonly outliers: OutlierDetector | undefined
  readonly endpoints: () => readonly Endpoint[]
}

const nobody: readonly Backend[] = []
/** Latencies that a quantile needs to mean something. */
const enoughLatencies = 100
/** Most that are remembered before older ones fade. */
const manyLatencies = 10_000
/** Waiting requests to look at for one that a free slot suits: others may need what is not free. */
const lookAhead = 16

/** Lets requests in, hands them slots, and learns from how they end. */
export class Router implements LeaseOwner {
  readonly counters: Counters = { requests: 0, retries: 0, hedges: 0, limited: 0, shed: 0, unavailable: 0 }
  readonly clock: Clock
  readonly random: Random
  readonly options: CheckedOptions
  readonly wheel: TimerWheel
  readonly queue: AdmissionQueue
  readonly budget: RetryBudget
  readonly limit: GradientLimit | undefined
  readonly latencies: Histogram = new Histogram()
  /** Slots held. */
  inFlight = 0
  isClosed = false
  /** When the latest lease ended. */
  endedAt = 0
  onIdle: (() => void) | undefined = undefined
  private isWaking = false
  private isWakePlanned = false
  private isSticky = false
  private readonly parts: RouterParts

  constructor(options: CheckedOptions, parts: RouterParts) {
    this.options = options
    this.parts = parts
    this.clock = parts.clock
    this.random = parts.random
    this.wheel = new TimerWheel(parts.clock)
    this.queue = new AdmissionQueue(options.queue)
    this.budget = new RetryBudget(options.retry.budget, options.retry.minConcurrent)
    this.limit = options.concurrency && new GradientLimit(options.concurrency)
  }

  route<T>(request: LbRequest, call: Call<T>): Promise<RouteResult<T>> {
    return new Promise<RouteResult<T>>((resolve, reject) => {
      const now = this.clock.monotonic()
      if (request.signal?.aborted === true) {
        reject(request.signal.reason)
        return
      }
      const refused = this.refuse(request, now)
      if (refused !== undefined) {
        reject(refused)
        return
      }
      this.budget.deposit()
      this.admit(new RouteRun(this, { request, call, now, resolve, reject }), request, now)
    })
  }

  /** A slot for those who do the rest themselves; throws where `route` would wait or reject. */
  pick(request: LbRequest): Lease {
    const now = this.clock.monotonic()
    const refused = this.refuse(request, now)
    if (refused !== undefined) throw refused
    if (!this.hasRoom()) throw this.queueFull()
    const endpoint = this.place(request, nobody, now)
    if (endpoint === undefined) throw this.unavailable(request, nobody) ?? this.queueFull()
    this.budget.deposit()
    const lease = new HeldLease(endpoint, this, now)
    this.begin(lease, request, now)
    return lease
  }

  /** Where a request would go: by affinity, otherwise by the algorithm. */
  place(request: LbRequest, tried: readonly Backend[], now: number): Endpoint | undefined {
    const { affinity, selector } = this.parts
    this.isSticky = false
    if (affinity !== undefined) {
      const home =
        affinity.by === 'hash' && request.key !== undefined
          ? selector.chooseByHash(request, tried)
          : affinity.find(request, now)
      if (home !== undefined && selector.takes(home, request, tried)) {
        this.isSticky = true
        selector.rememberSticky(request, home, now)
        return home
      }
    }
    return selector.choose(request, tried, now)
  }

  begin(lease: HeldLease, request: LbRequest, now: number): void {
    this.inFlight++
    const { affinity } = this.parts
    if (affinity === undefined) return
    const setCookie = affinity.bind(request, lease.endpoint, now)
    // The client has it already if it came with it.
    if (!this.isSticky) lease.setCookie = setCookie
  }

  endLease(lease: HeldLease, outcome: Outcome, latencyMs: number | undefined): void {
    const { endpoint } = lease
    const now = this.clock.monotonic()
    this.endedAt = now
    const took = latencyMs ?? now - lease.startedAt
    this.inFlight--
    endpoint.breaker.end(lease.generation, outcome === 'cancelled' ? undefined : outcome === 'ok')
    if (outcome === 'ok') this.learn(endpoint, took, now)
    else if (outcome === 'failed') {
      endpoint.failed++
      // A backend that fails at once would look fast, and draw everyone.
      endpoint.latency.observe(Math.max(took, this.options.failurePenaltyMs), now)
      this.parts.outliers?.record(endpoint, false)
    } else {
      endpoint.cancelled++
      if (took > endpoint.latency.read(now)) endpoint.latency.observe(took, now)
    }
    if (this.queue.size > 0) this.wake()
    this.checkIdle()
  }

  /** The error where nobody could take this request even with free slots; `undefined` where they are only busy. */
  unavailable(request: LbRequest, tried: readonly Backend[]): LbError | undefined {
    const { endpoints, selector } = this.parts
    selector.refresh()
    const fit = endpoints().filter((endpoint) => suits(endpoint, request, tried))
    if (fit.some((endpoint) => endpoint.isEligible)) return undefined
    this.counters.unavailable++
    const up = fit.filter((endpoint) => !endpoint.isDraining)
    const detail = { backends: endpoints().length, suitable: fit.length, requires: request.requires ?? [] }
    if (up.length > 0 && up.every((endpoint) => endpoint.breaker.state === 'open'))
      return new LbError('ERR_AETHER_BREAKER_OPEN', `the breakers of all ${up.length} backends are open`, {
        retryable: true,
        detail,
      })
    const what =
      endpoints().length === 0
        ? 'there are no backends: add one'
        : `none of ${endpoints().length} backends takes this request: ${fit.length} suit it, none of them is up`
    return new LbError('ERR_AETHER_BACKENDS_NONE', what, { retryable: true, detail })
  }

  hasUntried(request: LbRequest, tried: readonly Backend[]): boolean {
    this.parts.selector.refresh()
    return this.parts.endpoints().some((endpoint) => endpoint.isEligible && suits(endpoint, request, tried))
  }

  queueFull(): LbError {
    return new LbError('ERR_AETHER_QUEUE_FULL', `no slot is free, and ${this.queue.size} wait already`, {
      retryable: true,
      detail: { reason: 'full', queued: this.queue.size, active: this.inFlight },
    })
  }

  hedgeDelayMs(): number {
    const { hedge } = this.options
    if (hedge === undefined) return Infinity
    if (this.latencies.count < enoughLatencies) return hedge.initialMs
    return Math.max(hedge.minMs, this.latencies.quantile(hedge.quantile))
  }

  /** Backends or weights changed: someone who waits may have a place now. */
  wakeSoon(): void {
    if (this.queue.size === 0 || this.isWakePlanned) return
    this.isWakePlanned = true
    queueMicrotask(() => {
      this.isWakePlanned = false
      this.wake()
    })
  }

  checkIdle(): void {
    if (this.onIdle !== undefined && this.inFlight === 0) this.onIdle()
  }

  /** Ends every run with this error. */
  failAll(error: LbError): void {
    for (const due of this.wheel.entries()) if (due instanceof RouteRun) due.fail(error)
  }

  private refuse(request: LbRequest, now: number): LbError | undefined {
    if (this.isClosed) return closedError()
    const { timeoutMs } = request
    if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs < 2 ** 31))
      return invalidOption(`request.timeoutMs must be above 0 and below 2 ** 31, not ${timeoutMs}`)
    this.counters.requests++
    const refused = this.parts.limiter?.refuse(request.clientIp, now)
    if (refused !== undefined) this.counters.limited++
    return refused
  }

  private hasRoom(): boolean {
    return this.limit === undefined || this.inFlight < this.limit.current
  }

  private admit<T>(run: RouteRun<T>, request: LbRequest, now: number): void {
    if (this.queue.size === 0 && this.hasRoom() && run.launchFirst(now)) return
    const error = this.unavailable(request, nobody)
    if (error !== undefined) run.fail(error)
    else if (!this.queue.push(run, now)) {
      this.counters.shed++
      run.fail(this.queueFull())
    } else if (this.queue.size > 1) this.wake()
  }

  private wake(): void {
    // Whoever starts may end at once and wake again: the loop that runs goes on.
    if (this.isWaking) return
    this.isWaking = true
    try {
      while (this.queue.size > 0 && this.hasRoom()) if (!this.serveOne(this.clock.monotonic())) break
    } finally {
      this.isWaking = false
    }
  }

  private serveOne(now: number): boolean {
    let waiting = this.queue.next(now)
    for (let looked = 0; waiting !== undefined && looked < lookAhead; looked++) {
      const following = this.queue.following(waiting)
      if ((waiting as RouteRun<unknown>).takeTurn(now)) return true
      waiting = following
    }
    return false
  }

  private learn(endpoint: Endpoint, latencyMs: number, now: number): void {
    endpoint.succeeded++
    endpoint.latency.observe(latencyMs, now)
    if (this.options.metrics) endpoint.histogram.record(latencyMs)
    this.latencies.record(latencyMs)
    if (this.latencies.count >= manyLatencies) this.latencies.fade()
    this.limit?.sample(latencyMs, this.inFlight + 1)
    this.parts.outliers?.record(endpoint, true)
  }
}

function suits(endpoint: Endpoint, request: LbRequest, tried: readonly Backend[]): boolean {
  if (tried.includes(endpoint) || request.exclude?.includes(endpoint) === true) return false
  return request.requires?.every((each) => endpoint.capabilities.includes(each)) ?? true
}
