import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import { HeldLease, type LeaseOwner } from './lease.ts'
import type { Due } from './timer-wheel.ts'

/** One try at one backend, as the caller's function gets it. */
export interface Attempt {
  readonly backend: Backend
  /** 1 for the first, retries and hedges included. */
  readonly number: number
  /** Started beside a slow one, not after a failed one. */
  readonly isHedge: boolean
  /** Aborted by the attempt's timeout, the request's deadline, its own signal, a faster attempt, the end of the balancer, or another attempt after an answer that was
   * a failure. Hand it on. */
  readonly signal: AbortSignal
  /** Until the deadline of the request. */
  readonly remainingMs: number
}

/** Why an attempt was made. */
export type AttemptKind = 'first' | 'retry' | 'hedge'

/** The run that makes attempts; what it knows of the one that it just makes stands with it, so that no object is needed to say it. */
export interface AttemptOwner {
  readonly owner: LeaseOwner
  readonly deadlineAt: number
  readonly attempts: number
  readonly kind: AttemptKind
  readonly launchedAt: number
  monotonic(): number
  onAttemptTimeout(attempt: RouteAttempt): void
}

/** The lease of an attempt, and its timeout in the wheel. */
export class RouteAttempt extends HeldLease implements Attempt, Due {
  readonly number: number
  readonly kind: AttemptKind
  dueBefore: Due | undefined = undefined
  dueAfter: Due | undefined = undefined
  dueTick = -1
  private controller: AbortController | undefined = undefined
  private reason: unknown = undefined
  private readonly run: AttemptOwner

  constructor(endpoint: Endpoint, run: AttemptOwner) {
    super(endpoint, run.owner, run.launchedAt)
    this.run = run
    this.number = run.attempts
    this.kind = run.kind
  }

  get isHedge(): boolean {
    return this.kind === 'hedge'
  }

  /** Holds a place in the retry budget. */
  get isRetry(): boolean {
    return this.kind !== 'first'
  }

  /** Made when first asked for: an attempt that needs no signal does not pay for one. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController()
      if (this.reason !== undefined) this.controller.abort(this.reason)
    }
    return this.controller.signal
  }

  get remainingMs(): number {
    return Math.max(0, this.run.deadlineAt - this.run.monotonic())
  }

  abort(reason: unknown): void {
    this.reason ??= reason ?? new Error('aborted')
    this.controller?.abort(this.reason)
  }

  onDue(): void {
    this.run.onAttemptTimeout(this)
  }
}
