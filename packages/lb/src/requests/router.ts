import type { Affinity } from '../affinity/affinity.ts'
import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import type { Clock } from '../clock.ts'
import { show } from '../check-options.ts'
import { closedError, invalidOption, type LbError } from '../errors.ts'
import type { OutlierDetector } from '../health/outlier-detector.ts'
import type { RateLimiter } from '../limits/rate-limiter.ts'
import type { CheckedOptions } from '../options.ts'
import type { Random } from '../random.ts'
import type { Selector } from '../selection/selector.ts'
import { AdmissionQueue } from './admission-queue.ts'
import type { Call, RouteResult } from './call.ts'
import { Experience } from './experience.ts'
import type { GradientLimit } from './gradient-limit.ts'
import { invalidRequest } from './invalid-request.ts'
import { HeldLease, type Lease, type LeaseOwner, type Outcome } from './lease.ts'
import { Placement } from './placement.ts'
import { isServable, limitReached, queueFull, unavailable } from './refusals.ts'
import type { LbRequest } from './request.ts'
import { RetryBudget } from './retry-budget.ts'
import { RouteRun } from './route-run.ts'
import { TimedLease } from './timed-lease.ts'
import { TimerWheel } from './timer-wheel.ts'
import { Turns } from './turns.ts'

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

/** Lets requests in, hands them slots, and learns from how they end. */
export class Router implements LeaseOwner {
  readonly counters: Counters = { requests: 0, retries: 0, hedges: 0, limited: 0, shed: 0, unavailable: 0 }
  readonly clock: Clock
  readonly random: Random
  readonly options: CheckedOptions
  readonly wheel: TimerWheel
  readonly queue: AdmissionQueue
  readonly turns: Turns
  readonly budget: RetryBudget
  readonly experience: Experience
  readonly placement: Placement
  /** Slots held. */
  inFlight = 0
  isClosed = false
  /** When the latest lease ended. */
  endedAt = 0
  onIdle: (() => void) | undefined = undefined
  private readonly parts: RouterParts

  constructor(options: CheckedOptions, parts: RouterParts) {
    this.options = options
    this.parts = parts
    this.clock = parts.clock
    this.random = parts.random
    this.wheel = new TimerWheel(parts.clock)
    this.queue = new AdmissionQueue(options.queue)
    this.turns = new Turns({
      queue: this.queue,
      hasRoom: () => this.hasRoom(),
      monotonic: () => this.clock.monotonic(),
    })
    this.budget = new RetryBudget(options.retry.budget, options.retry.minConcurrent)
    this.experience = new Experience(options, parts.outliers)
    this.placement = new Placement(parts.selector, parts.affinity)
  }

  get limit(): GradientLimit | undefined {
    return this.experience.limit
  }

  route<T>(request: LbRequest, call: Call<T>): Promise<RouteResult<T>> {
    return new Promise<RouteResult<T>>((resolve, reject) => {
      const now = this.clock.monotonic()
      const invalid =
        typeof call === 'function'
          ? invalidRequest(request)
          : invalidOption(`route needs a function that makes an attempt, not ${show(call)}`)
      if (invalid === undefined && request.signal?.aborted === true) {
        reject(request.signal.reason)
        return
      }
      const refused = invalid ?? this.refuse(request, now)
      if (refused !== undefined) {
        reject(refused)
        return
      }
      this.budget.deposit()
      this.admit(new RouteRun(this, { request, call, now, resolve, reject }), now)
    })
  }

  /** A slot for those who do the rest themselves; throws where `route` would wait or reject. */
  pick(request: LbRequest): Lease {
    const now = this.clock.monotonic()
    const refused = invalidRequest(request) ?? this.refuse(request, now)
    if (refused !== undefined) throw refused
    this.turns.catchUp()
    const endpoint = this.hasRoom() ? this.placement.place(request, nobody, now) : undefined
    if (endpoint === undefined) throw this.unservable(request, nobody) ?? this.noSlot(request)
    this.budget.deposit()
    const { timeoutMs } = request
    const lease =
      timeoutMs === undefined
        ? new HeldLease(endpoint, this, now)
        : new TimedLease(endpoint, this, { now, timeoutMs, wheel: this.wheel })
    this.begin(lease, request)
    return lease
  }

  /** Where a request would go. */
  choose(request: LbRequest): Endpoint | undefined {
    const invalid = invalidRequest(request)
    if (invalid !== undefined) throw invalid
    if (this.parts.affinity === undefined) return this.parts.selector.choose(request)
    return this.placement.place(request, nobody, this.clock.monotonic())
  }

  /** Starts a run, at its beginning or with its next attempt, or lets it wait. */
  admit<T>(run: RouteRun<T>, now: number): void {
    this.turns.catchUp()
    if (this.hasRoom() && run.launchNext(now)) return
    const error = run.unservable()
    if (error !== undefined) run.refuse(error)
    else if (!this.queue.push(run, now)) {
      this.counters.shed++
      run.refuse(this.noSlot(run.request))
    }
  }

  /** Counts an attempt; whether its session is new where it goes. A hedge leaves the session where it is: one faster answer is no reason to move it. */
  begin(lease: HeldLease, request: LbRequest, isHedge = false): boolean {
    this.inFlight++
    return !isHedge && this.placement.bind(lease, request, lease.startedAt)
  }

  endLease(lease: HeldLease, outcome: Outcome, latencyMs: number | undefined): void {
    const { endpoint } = lease
    const now = this.clock.monotonic()
    this.endedAt = now
    const isTold = latencyMs !== undefined && latencyMs >= 0 && latencyMs < Infinity
    const took = isTold ? latencyMs : now - lease.startedAt
    const active = this.inFlight--
    endpoint.breaker.end(lease.generation, outcome === 'ok' ? true : outcome === 'failed' ? false : undefined)
    if (outcome === 'ok') this.experience.succeeded(endpoint, took, now, active)
    else if (outcome === 'failed') this.experience.failed(endpoint, took, now, active)
    else this.experience.cancelled(endpoint, took, now)
    // A slot is free; with a limit that adapts there may be more room than that.
    if (this.queue.size > 0) this.turns.wake(this.limit === undefined ? 1 : Infinity)
    this.checkIdle()
  }

  /** The error where nobody could take this request even with free slots; `undefined` where they are only busy. */
  unservable(request: LbRequest, tried: readonly Backend[]): LbError | undefined {
    if (this.isServable(request, tried)) return undefined
    this.counters.unavailable++
    return unavailable(this.parts.endpoints(), this.parts.selector.whole(request), tried)
  }

  isServable(request: LbRequest, tried: readonly Backend[]): boolean {
    this.parts.selector.refresh()
    return isServable(this.parts.endpoints(), this.parts.selector.whole(request), tried)
  }

  queueFull(request: LbRequest): LbError {
    return queueFull(request, this.queue.size, this.inFlight)
  }

  /** Whether one more request may be under way at all. */
  hasRoom(): boolean {
    return this.limit === undefined || this.inFlight < this.limit.current
  }

  /** Backends or weights changed: someone who waits may have a place now. */
  wakeSoon(): void {
    this.turns.wakeSoon()
  }

  checkIdle(): void {
    if (this.onIdle !== undefined && this.inFlight === 0) this.onIdle()
  }

  /** Ends every run with this error; those that wait first, or they would begin in the slots of the others. */
  failAll(error: LbError): void {
    const runs = this.wheel.entries().filter((due) => due instanceof RouteRun)
    for (const run of runs) if (run.isQueued) run.fail(error)
    for (const run of runs) run.fail(error)
  }

  private refuse(request: LbRequest, now: number): LbError | undefined {
    if (this.isClosed) return closedError()
    this.counters.requests++
    const refused = this.parts.limiter?.refuse(request, now)
    if (refused !== undefined) this.counters.limited++
    return refused
  }

  private noSlot(request: LbRequest): LbError {
    if (this.limit === undefined || this.hasRoom()) return this.queueFull(request)
    return limitReached(request, this.limit.current, this.inFlight)
  }
}
