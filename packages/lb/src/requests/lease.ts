import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'

/**
 * How a request ended, as far as it says something about its backend: `cancelled` says nothing, because the caller gave up or another attempt was faster.
 */
export type Outcome = 'ok' | 'failed' | 'cancelled'

/** What takes a lease back. */
export interface LeaseOwner {
  endLease(lease: HeldLease, outcome: Outcome, latencyMs: number | undefined): void
}

/** One slot of one backend, held from `pick` to `done`. Hold it no longer than the request takes. */
export interface Lease {
  readonly backend: Backend
  /** Monotonic milliseconds of the balancer's clock. */
  readonly startedAt: number
  readonly isDone: boolean
  /** For the client, where affinity goes by cookie and the session is new here: the value of a `Set-Cookie` header. */
  readonly setCookie: string | undefined
  /** Gives the slot back and tells how it went; only the first call counts. `latencyMs` where it differs from the time since `pick`. @default 'ok' */
  done(outcome?: Outcome, latencyMs?: number): void
  /** The same as `done('cancelled')`: for `using`. */
  [Symbol.dispose](): void
}

/** A lease that is its own entry in the list of its backend, in the order of their start. */
export class HeldLease implements Lease {
  readonly startedAt: number
  previous: HeldLease | undefined = undefined
  next: HeldLease | undefined = undefined
  readonly endpoint: Endpoint
  readonly generation: number
  setCookie: string | undefined = undefined
  private owner: LeaseOwner | undefined

  constructor(endpoint: Endpoint, owner: LeaseOwner, startedAt: number) {
    this.endpoint = endpoint
    this.owner = owner
    this.startedAt = startedAt
    this.generation = endpoint.breaker.begin()
    endpoint.active++
    endpoint.total++
    if (endpoint.pool !== undefined) endpoint.pool.active++
    this.previous = endpoint.newest
    if (endpoint.newest === undefined) endpoint.oldest = this
    else endpoint.newest.next = this
    endpoint.newest = this
  }

  get backend(): Backend {
    return this.endpoint
  }

  get isDone(): boolean {
    return this.owner === undefined
  }

  done(outcome: Outcome = 'ok', latencyMs?: number): void {
    const { owner, endpoint } = this
    if (owner === undefined) return
    this.owner = undefined
    endpoint.active--
    if (endpoint.pool !== undefined) endpoint.pool.active--
    if (this.previous === undefined) endpoint.oldest = this.next
    else this.previous.next = this.next
    if (this.next === undefined) endpoint.newest = this.previous
    else this.next.previous = this.previous
    this.previous = undefined
    this.next = undefined
    owner.endLease(this, outcome, latencyMs)
  }

  [Symbol.dispose](): void {
    this.done('cancelled')
  }
}
