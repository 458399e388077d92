import type { Endpoint } from '../backends/endpoint.ts'
import { closedError, LbError } from '../errors.ts'
import type { Waiting } from './admission-queue.ts'
import { type Attempt, type AttemptKind, type AttemptOwner, RouteAttempt } from './attempt.ts'
import type { LeaseOwner, Outcome } from './lease.ts'
import { isIdempotent, type LbRequest } from './request.ts'
import { backoffMs } from './retry-policy.ts'
import type { Router } from './router.ts'
import type { Due } from './timer-wheel.ts'
import { isUnsent, type Verdict } from './verdict.ts'

/** What the caller does with a backend: a value or a promise of one; throw for a failure. */
export type Call<T> = (attempt: Attempt) => PromiseLike<T> | T

export interface RouteResult<T> {
  readonly value: T
  readonly backendId: string
  readonly requestId: string | undefined
  /** From the call of `route` to its result, waiting and retries included. */
  readonly latencyMs: number
  readonly attempts: number
  /** The answer is that of a second attempt beside a slow first one. */
  readonly isHedged: boolean
  /** For the client, where affinity goes by cookie and the session is new here. */
  readonly setCookie: string | undefined
}

export interface RouteStart<T> {
  readonly request: LbRequest
  readonly call: Call<T>
  readonly now: number
  readonly resolve: (result: RouteResult<T>) => void
  readonly reject: (reason: unknown) => void
}

const untried: readonly Endpoint[] = []

/** A pause of a run: before a retry, or before a hedge. */
class Pause implements Due {
  dueBefore: Due | undefined = undefined
  dueAfter: Due | undefined = undefined
  dueTick = -1
  readonly onDue: () => void

  constructor(onDue: () => void) {
    this.onDue = onDue
  }
}

/** One routed request from its call to its result. It is its own entry in the queue and in the wheel, so that waiting costs nothing. */
export class RouteRun<T> implements Waiting, Due, AttemptOwner {
  readonly owner: LeaseOwner
  readonly deadlineAt: number
  attempts = 0
  kind: AttemptKind = 'first'
  launchedAt = 0
  readonly queuePriority: number
  queuedAt = 0
  isQueued = false
  queueOlder: Waiting | undefined = undefined
  queueNewer: Waiting | undefined = undefined
  dueBefore: Due | undefined = undefined
  dueAfter: Due | undefined = undefined
  dueTick = -1

  private isSettled = false
  private retries = 0
  private tried: readonly Endpoint[] = untried
  private current: RouteAttempt | undefined = undefined
  private hedge: RouteAttempt | undefined = undefined
  private backoff: Pause | undefined = undefined
  private hedging: Pause | undefined = undefined
  private readonly startedAt: number
  private readonly router: Router
  private readonly request: LbRequest
  private readonly start: RouteStart<T>

  constructor(router: Router, start: RouteStart<T>) {
    const { request, now } = start
    this.router = router
    this.owner = router
    this.request = request
    this.start = start
    this.startedAt = now
    const timeoutMs = request.timeoutMs ?? router.options.requestTimeoutMs
    this.deadlineAt = now + timeoutMs
    const priority = request.priority ?? 0
    this.queuePriority = priority > 7 ? 7 : priority > 0 ? Math.floor(priority) : 0
    router.wheel.add(this, timeoutMs, now)
    request.signal?.addEventListener('abort', this)
  }

  monotonic(): number {
    return this.router.clock.monotonic()
  }

  /** The request's own signal. */
  handleEvent(): void {
    this.finish('cancelled', this.request.signal?.reason)
    this.start.reject(this.request.signal?.reason)
  }

  /** Starts the first attempt, or says why not. */
  launchFirst(now: number): boolean {
    const endpoint = this.router.place(this.request, this.tried, now)
    if (endpoint === undefined) return false
    if (this.isQueued) this.router.queue.remove(this)
    this.launchedAt = now
    this.launch(endpoint, 'first')
    return true
  }

  /** Its turn in the queue: whether it took a slot, or is done for. */
  takeTurn(now: number): boolean {
    if (this.launchFirst(now)) return true
    const error = this.router.unavailable(this.request, this.tried)
    if (error === undefined) return false
    this.fail(error)
    return true
  }

  /** Ends it from outside. */
  fail(error: LbError): void {
    if (this.isSettled) return
    this.finish('cancelled', error)
    this.start.reject(error)
  }

  shed(reason: 'full' | 'overload'): void {
    this.router.counters.shed++
    this.fail(
      reason === 'full'
        ? this.router.queueFull()
        : new LbError('ERR_AETHER_QUEUE_FULL', 'waited too long behind a standing queue', {
            retryable: true,
            detail: { reason: 'overload' },
          }),
    )
  }

  onDue(): void {
    const waited = Math.round(this.deadlineAt - this.startedAt)
    const error = new LbError('ERR_AETHER_DEADLINE_EXCEEDED', `no answer within ${waited} ms`, {
      detail: { attempts: this.attempts, timeoutMs: waited },
    })
    this.finish('failed', error)
    this.start.reject(error)
  }

  onAttemptTimeout(attempt: RouteAttempt): void {
    const { attemptTimeoutMs } = this.router.options
    const error = new LbError(
      'ERR_AETHER_ATTEMPT_TIMEOUT',
      `${attempt.backend.id} did not answer within ${attemptTimeoutMs} ms`,
      { retryable: true, detail: { backendId: attempt.backend.id } },
    )
    attempt.abort(error)
    this.onError(attempt, error)
  }

  private launch(endpoint: Endpoint, kind: AttemptKind): void {
    const { router } = this
    const { attemptTimeoutMs, hedge } = router.options
    // An array of one is the usual case, and far smaller than one that grew by a push.
    this.tried = this.tried.length === 0 ? [endpoint] : [...this.tried, endpoint]
    this.attempts++
    this.kind = kind
    const attempt = new RouteAttempt(endpoint, this)
    router.begin(attempt, this.request, this.launchedAt)
    if (kind === 'hedge') this.hedge = attempt
    else this.current = attempt
    if (attemptTimeoutMs !== undefined) router.wheel.add(attempt, attemptTimeoutMs, this.launchedAt)
    if (hedge !== undefined && kind !== 'hedge') this.planHedge(this.launchedAt)
    let answer: PromiseLike<T> | T
    try {
      answer = this.start.call(attempt)
    } catch (error) {
      this.onError(attempt, error)
      return
    }
    if (isThenable(answer)) {
      answer.then(
        (value) => this.onValue(attempt, value),
        (error: unknown) => this.onError(attempt, error),
      )
    } else this.onValue(attempt, answer)
  }

  private onValue(attempt: RouteAttempt, value: T): void {
    if (attempt.isDone) return
    let verdict: Verdict
    try {
      verdict = this.router.options.judge(value)
    } catch (error) {
      // A judge that throws has judged: nobody can tell that this went well.
      this.onError(attempt, error)
      return
    }
    if (verdict === 'failed-retry' && this.mayRetry(false) && this.retryAfter(attempt)) return
    const outcome = verdict === 'ok' ? 'ok' : verdict === 'neutral' ? 'cancelled' : 'failed'
    this.end(attempt, outcome)
    this.finish('cancelled', this.beaten())
    this.start.resolve({
      value,
      backendId: attempt.backend.id,
      requestId: this.request.id,
      // The clock was read a moment ago, when the attempt ended.
      latencyMs: this.router.endedAt - this.startedAt,
      attempts: this.attempts,
      isHedged: attempt.isHedge,
      setCookie: attempt.setCookie,
    })
  }

  private onError(attempt: RouteAttempt, error: unknown): void {
    if (attempt.isDone) return
    if (this.mayRetry(isUnsent(error)) && this.retryAfter(attempt)) return
    this.end(attempt, 'failed')
    // Another attempt is still under way: its answer counts.
    if (this.current !== undefined || this.hedge !== undefined) return
    const text = error instanceof Error ? error.message : String(error)
    const failure = new LbError(
      'ERR_AETHER_ROUTE_FAILED',
      `${attempt.backend.id} failed, after ${this.attempts} attempts in all: ${text}`,
      {
        cause: error,
        retryable: isIdempotent(this.request),
        detail: { attempts: this.attempts, backendIds: this.tried.map((endpoint) => endpoint.id) },
      },
    )
    this.finish('cancelled', failure)
    this.start.reject(failure)
  }

  private mayRetry(unsent: boolean): boolean {
    return this.retries < this.router.options.retry.maxRetries && (unsent || isIdempotent(this.request))
  }

  /** Gives the slot back and waits for another try; false where there is none: no other backend, no budget, no time. */
  private retryAfter(attempt: RouteAttempt): boolean {
    const { router } = this
    const other = attempt === this.current ? this.hedge : this.current
    if (other !== undefined || !router.hasUntried(this.request, this.tried)) return false
    const now = this.monotonic()
    const delayMs = backoffMs(router.options.retry, this.retries + 1, router.random)
    if (now + delayMs >= this.deadlineAt) return false
    // A retry that failed hands its place in the budget on.
    if (attempt.isRetry) router.budget.end()
    if (!router.budget.begin(router.inFlight + router.queue.size, now)) {
      if (attempt.isRetry) router.budget.active++
      return false
    }
    this.end(attempt, 'failed', false)
    this.retries++
    router.counters.retries++
    this.backoff = new Pause(() => this.retry(attempt))
    router.wheel.add(this.backoff, delayMs, now)
    return true
  }

  private retry(last: RouteAttempt): void {
    this.backoff = undefined
    const { router } = this
    const now = this.monotonic()
    const endpoint = router.isClosed ? undefined : router.place(this.request, this.tried, now)
    if (endpoint !== undefined) {
      this.launchedAt = now
      this.launch(endpoint, 'retry')
      return
    }
    router.budget.end()
    const failure =
      (router.isClosed ? closedError() : undefined) ??
      router.unavailable(this.request, this.tried) ??
      new LbError('ERR_AETHER_ROUTE_FAILED', `${last.backend.id} failed, and all others are busy`, {
        retryable: true,
        detail: { attempts: this.attempts, backendIds: this.tried.map((each) => each.id) },
      })
    this.finish('cancelled', failure)
    this.start.reject(failure)
  }

  private planHedge(now: number): void {
    if (!isIdempotent(this.request)) return
    if (this.hedging !== undefined) this.router.wheel.cancel(this.hedging)
    this.hedging = new Pause(() => this.startHedge())
    this.router.wheel.add(this.hedging, this.router.hedgeDelayMs(), now)
  }

  private startHedge(): void {
    this.hedging = undefined
    const { router } = this
    if (this.current === undefined || this.hedge !== undefined) return
    const now = this.monotonic()
    if (!router.budget.begin(router.inFlight + router.queue.size, now)) return
    const endpoint = router.place(this.request, this.tried, now)
    if (endpoint === undefined) {
      router.budget.end()
      return
    }
    router.counters.hedges++
    this.launchedAt = now
    this.launch(endpoint, 'hedge')
  }

  private beaten(): LbError | undefined {
    if (this.current === undefined && this.hedge === undefined) return undefined
    return new LbError('ERR_AETHER_ROUTE_FAILED', 'another attempt was faster')
  }

  /** Takes one attempt out of the run and gives its slot back. */
  private end(attempt: RouteAttempt, outcome: Outcome, endsRetry: boolean = attempt.isRetry): void {
    if (attempt === this.current) this.current = undefined
    else if (attempt === this.hedge) this.hedge = undefined
    if (attempt.dueTick >= 0) this.router.wheel.cancel(attempt)
    if (endsRetry) this.router.budget.end()
    attempt.done(outcome)
  }

  /** Leaves nothing behind: no attempt, timer, listener or place in the queue. */
  private finish(outcome: Outcome, reason: unknown): void {
    this.isSettled = true
    const { router } = this
    router.wheel.cancel(this)
    if (this.isQueued) router.queue.remove(this)
    this.request.signal?.removeEventListener('abort', this)
    if (this.hedging !== undefined) router.wheel.cancel(this.hedging)
    if (this.backoff !== undefined) {
      router.wheel.cancel(this.backoff)
      router.budget.end()
    }
    const { current, hedge } = this
    if (current !== undefined) this.endLoser(current, outcome, reason)
    if (hedge !== undefined) this.endLoser(hedge, outcome, reason)
    router.checkIdle()
  }

  private endLoser(attempt: RouteAttempt, outcome: Outcome, reason: unknown): void {
    this.end(attempt, outcome)
    attempt.abort(reason)
  }
}

function isThenable<T>(value: PromiseLike<T> | T): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<T>).then === 'function'
}
