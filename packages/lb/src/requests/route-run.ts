import type { Endpoint } from '../backends/endpoint.ts'
import type { LbError } from '../errors.ts'
import { expectManyListeners } from '../expect-many-listeners.ts'
import type { Turn, Waiting } from './admission-queue.ts'
import { type AttemptKind, type AttemptOwner, RouteAttempt } from './attempt.ts'
import type { Call, RouteResult } from './call.ts'
import type { LeaseOwner, Outcome } from './lease.ts'
import { Pause } from './pause.ts'
import { overloaded } from './refusals.ts'
import { isIdempotent, type LbRequest } from './request.ts'
import { backoffMs } from './retry-policy.ts'
import {
  attemptTimeout,
  deadlineExceeded,
  type NotRetried,
  notWanted,
  routeFailed,
  type RunSummary,
} from './route-errors.ts'
import type { Router } from './router.ts'
import { Setback } from './setback.ts'
import type { Due } from './timer-wheel.ts'
import { isUnsent, type Verdict } from './verdict.ts'

export interface RouteStart<T> {
  readonly request: LbRequest
  readonly call: Call<T>
  readonly now: number
  readonly resolve: (result: RouteResult<T>) => void
  readonly reject: (reason: unknown) => void
}

const untried: readonly Endpoint[] = []

/**
 * One routed request from its call to its result. It is its own entry in the queue and in the wheel, so that waiting costs nothing. Whatever gives a slot back
 * may run other people's code, which may end this very run: what it holds is written down before, and every way to the end looks whether it is there already.
 */
export class RouteRun<T> implements Waiting, Due, AttemptOwner {
  readonly owner: LeaseOwner
  readonly request: LbRequest
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
  /** Its session led nowhere before: it goes where the answer comes from. */
  private isNewSession = false
  private tried: readonly Endpoint[] = untried
  private current: RouteAttempt | undefined = undefined
  private hedge: RouteAttempt | undefined = undefined
  private hedging: Pause | undefined = undefined
  private setback: Setback<T> | undefined = undefined
  private readonly startedAt: number
  private readonly router: Router
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
    if (request.signal === undefined) return
    expectManyListeners(request.signal)
    request.signal.addEventListener('abort', this)
  }

  get hasTried(): boolean {
    return this.tried !== untried
  }

  monotonic(): number {
    return this.router.clock.monotonic()
  }

  /** The request's own signal. */
  handleEvent(): void {
    this.rejectWith(this.request.signal?.reason, 'cancelled')
  }

  /** Starts the first attempt or the next one; false where nobody takes it now. */
  launchNext(now: number): boolean {
    if (now >= this.deadlineAt) {
      // The process stood still: a slot or the end of a pause was faster than the timer.
      this.onDue()
      return true
    }
    let endpoint: Endpoint | undefined
    try {
      endpoint = this.router.placement.place(this.request, this.tried, now)
    } catch (error) {
      // An algorithm of the user that is broken.
      this.refuse(error)
      return true
    }
    if (endpoint === undefined) return false
    if (this.isQueued) this.router.queue.remove(this)
    this.launchedAt = now
    this.launch(endpoint, this.attempts === 0 ? 'first' : 'retry')
    return true
  }

  takeTurn(now: number): Turn {
    const { attempts } = this
    if (this.launchNext(now)) return this.attempts > attempts ? 'taken' : 'gone'
    const error = this.unservable()
    if (error === undefined) return 'waits'
    this.refuse(error)
    return 'gone'
  }

  /** The error where nobody could take it even with free slots. */
  unservable(): LbError | undefined {
    return this.router.unservable(this.request, this.tried)
  }

  /** It gets no slot. What an attempt before came to is then the result: a retry makes nothing worse. */
  refuse(error: unknown): void {
    if (this.setback === undefined) this.rejectWith(error, 'cancelled')
    else this.giveUp('no-slot')
  }

  shed(reason: 'full' | 'overload'): void {
    const { router } = this
    router.counters.shed++
    this.refuse(
      reason === 'full'
        ? router.queueFull(this.request)
        : overloaded(this.request, this.monotonic() - this.queuedAt),
    )
  }

  /** Ends it from outside. */
  fail(error: LbError): void {
    this.rejectWith(error, 'cancelled')
  }

  onDue(): void {
    const isUnderWay = this.current !== undefined || this.hedge !== undefined
    const error = deadlineExceeded(this.summary(), {
      timeoutMs: Math.round(this.deadlineAt - this.startedAt),
      waitsFor: isUnderWay ? undefined : this.isQueued || this.attempts === 0 ? 'slot' : 'retry',
      cause: this.setback?.error,
    })
    this.rejectWith(error, 'failed')
  }

  onAttemptTimeout(attempt: RouteAttempt): void {
    const error = attemptTimeout(attempt.backend.id, this.router.options.attemptTimeoutMs)
    attempt.abort(error)
    this.onError(attempt, error)
  }

  private launch(endpoint: Endpoint, kind: AttemptKind): void {
    const { router } = this
    const { attemptTimeoutMs, hedge } = router.options
    // An array of one is the usual case, and far smaller than one that grew by a push.
    this.tried = this.hasTried ? [...this.tried, endpoint] : [endpoint]
    this.attempts++
    this.kind = kind
    const attempt = new RouteAttempt(endpoint, this)
    if (kind === 'hedge') {
      this.hedge = attempt
      router.begin(attempt, this.request, true)
    } else {
      this.current = attempt
      this.isNewSession = router.begin(attempt, this.request)
      if (kind === 'retry') this.beginRetry()
      if (this.isSettled) return
      if (hedge !== undefined) this.planHedge(this.launchedAt)
    }
    if (attemptTimeoutMs !== undefined) router.wheel.add(attempt, attemptTimeoutMs, this.launchedAt)
    this.run(attempt)
  }

  private run(attempt: RouteAttempt): void {
    let answer: PromiseLike<T> | T
    try {
      answer = this.start.call(attempt)
      if (isThenable(answer)) {
        answer.then(
          (value) => this.onValue(attempt, value),
          (error: unknown) => this.onError(attempt, error),
        )
        return
      }
    } catch (error) {
      this.onError(attempt, error)
      return
    }
    this.onValue(attempt, answer)
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
    // The judge may have ended the request.
    if (attempt.isDone) return
    if (verdict === 'failed-retry') {
      this.noteFailure().addAnswer(attempt, value, this.monotonic() - attempt.startedAt)
      if (attempt.isDone || this.goesOn(attempt, false) === undefined) return
      this.setback?.takeAnswer()
    }
    this.isSettled = true
    this.end(attempt, verdict === 'ok' ? 'ok' : verdict === 'neutral' ? 'cancelled' : 'failed')
    // The clock was read a moment ago, when the attempt ended.
    this.resolveWith(attempt, value, this.router.endedAt)
  }

  private onError(attempt: RouteAttempt, error: unknown): void {
    if (attempt.isDone) return
    this.noteFailure().addError(attempt, error, this.monotonic() - attempt.startedAt)
    // Whoever hears that an answer before is not wanted may have ended the request.
    if (attempt.isDone) return
    const notRetried = this.goesOn(attempt, isUnsent(error))
    if (notRetried === undefined) return
    this.end(attempt, 'failed')
    this.giveUp(notRetried)
  }

  private noteFailure(): Setback<T> {
    return (this.setback ??= new Setback())
  }

  /** Goes on without an attempt that failed, whose slot is given back: another one is under way, or will be; otherwise says why not. */
  private goesOn(attempt: RouteAttempt, unsent: boolean): NotRetried | undefined {
    const other = attempt === this.current ? this.hedge : this.current
    if (other === undefined) return this.planRetry(attempt, unsent)
    this.end(attempt, 'failed')
    return undefined
  }

  private planRetry(attempt: RouteAttempt, unsent: boolean): NotRetried | undefined {
    const { router } = this
    const { retry } = router.options
    const setback = this.noteFailure()
    if (!unsent && !isIdempotent(this.request)) return 'not-safe'
    if (setback.retries >= retry.maxRetries) return 'retries-used-up'
    if (!router.isServable(this.request, this.tried)) return 'no-other-backend'
    const now = this.monotonic()
    const delayMs = backoffMs(retry, setback.retries + 1, router.random)
    if (now + delayMs >= this.deadlineAt) return 'no-time'
    if (!router.budget.begin(router.inFlight + router.queue.size, now, attempt.isRetry)) return 'no-budget'
    setback.retries++
    setback.holdsBudget = true
    setback.pause = new Pause(() => this.retry())
    router.wheel.add(setback.pause, delayMs, now)
    // Its place in the budget, if it had one, is that of the retry now.
    this.end(attempt, 'failed', false)
    return undefined
  }

  private retry(): void {
    this.noteFailure().pause = undefined
    this.router.admit(this, this.monotonic())
  }

  /** From here on the attempt holds the place in the budget. Whoever hears that the answer before is not wanted may end the request. */
  private beginRetry(): void {
    const setback = this.noteFailure()
    setback.holdsBudget = false
    setback.dropAnswer()
    this.router.counters.retries++
  }

  private planHedge(now: number): void {
    if (!isIdempotent(this.request)) return
    if (this.hedging !== undefined) this.router.wheel.cancel(this.hedging)
    this.hedging = new Pause(() => this.startHedge())
    this.router.wheel.add(this.hedging, this.router.experience.hedgeDelayMs(), now)
  }

  private startHedge(): void {
    this.hedging = undefined
    const { router } = this
    if (this.current === undefined || this.hedge !== undefined) return
    // Only into room that nobody waits for.
    if (router.queue.size > 0 || !router.hasRoom()) return
    const now = this.monotonic()
    if (now >= this.deadlineAt) return
    const endpoint = router.placement.placeHedge(this.request, this.tried, now)
    if (endpoint === undefined || !router.budget.begin(router.inFlight, now)) return
    router.counters.hedges++
    this.launchedAt = now
    this.launch(endpoint, 'hedge')
  }

  /** The last failure is the result. */
  private giveUp(notRetried: NotRetried): void {
    const setback = this.noteFailure()
    const answer = setback.takeAnswer()
    if (answer !== undefined) {
      this.resolveWith(answer.attempt, answer.value, this.monotonic())
      return
    }
    const failure = routeFailed(this.summary(), {
      notRetried,
      cause: setback.error,
      retryable: isIdempotent(this.request) || isUnsent(setback.error),
    })
    this.rejectWith(failure, 'cancelled')
  }

  private resolveWith(attempt: RouteAttempt, value: T, now: number): void {
    const isBeaten = this.current !== undefined || this.hedge !== undefined
    this.finish('cancelled', isBeaten ? notWanted('another attempt was faster') : undefined)
    if (attempt.isHedge && this.isNewSession) this.router.placement.move(attempt, this.request, now)
    this.start.resolve({
      value,
      backendId: attempt.backend.id,
      requestId: this.request.id,
      latencyMs: now - this.startedAt,
      attempts: this.attempts,
      isHedged: attempt.isHedge,
      setCookie: attempt.setCookie,
    })
  }

  private rejectWith(reason: unknown, outcome: Outcome): void {
    if (this.isSettled) return
    this.finish(outcome, reason)
    this.start.reject(reason)
  }

  private summary(): RunSummary {
    return {
      request: this.request,
      attempts: this.attempts,
      backendIds: this.tried.map((endpoint) => endpoint.id),
      failures: this.setback?.failures ?? [],
    }
  }

  /** Takes one attempt out of the run and gives its slot back. */
  private end(attempt: RouteAttempt, outcome: Outcome, endsRetry: boolean = attempt.isRetry): void {
    if (attempt === this.current) this.current = undefined
    else if (attempt === this.hedge) this.hedge = undefined
    if (attempt.dueTick >= 0) this.router.wheel.cancel(attempt)
    if (endsRetry) this.router.budget.end()
    attempt.done(outcome)
  }

  /** Leaves nothing behind: no attempt, timer, listener or place in the queue or the budget. */
  private finish(outcome: Outcome, reason: unknown): void {
    this.isSettled = true
    const { router, setback } = this
    router.wheel.cancel(this)
    if (this.isQueued) router.queue.remove(this)
    this.request.signal?.removeEventListener('abort', this)
    if (this.hedging !== undefined) router.wheel.cancel(this.hedging)
    if (setback?.pause !== undefined) router.wheel.cancel(setback.pause)
    if (setback?.holdsBudget === true) router.budget.end()
    setback?.dropAnswer()
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
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return typeof (value as PromiseLike<T>).then === 'function'
}
