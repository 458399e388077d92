import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'

/**
 * How a request ended, as far as it says something about its backend: `cancelled` says nothing, because the caller gave up or another attempt was faster.
 */
export type Outcome = 'ok' | 'failed' | 'cancelled'

/** What takes a lease back. */
export interface LeaseOwner {
  endLease(lease: Lease, outcome: Outcome, latencyMs: number | undefined): void
}

/** One slot of one backend, held from `pick` to `done`. Hold it no longer than the request takes. */
export class Lease {
  readonly startedAt: number
  /** @internal */ previous: Lease | undefined = undefined
  /** @internal */ next: Lease | undefined = undefined
  /** @internal */ readonly endpoint: Endpoint
  /** @internal */ readonly generation: number
  /** Given to the client so that it comes back to this backend: the value of a `Set-Cookie` header, where affinity goes by cookie. */
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

  /** Gives the slot back and tells how it went; only the first call counts. `latencyMs` where it differs from the time since `pick`. */
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
