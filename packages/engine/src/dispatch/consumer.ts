import type { ConsumerSpec } from '../contract.ts'
import type { Interest } from './interest.ts'
import type { LeaseRecord } from '../queues/lease-record.ts'
import type { Owner, Pool } from './owner.ts'

/**
 * `free`: in its interest's selector. `parked`: only its pool keeps it from being free. `none`: its own credit is used up, it is suspect, or closed.
 */
export type ConsumerPlace = 'free' | 'parked' | 'none'

/** Who takes deliveries, up to its credit. */
export class Consumer {
  readonly id: number
  readonly interest: Interest
  readonly owner: Owner
  readonly credit: number
  readonly leaseMs: number
  readonly pool: Pool | undefined
  used = 0
  isClosed = false
  /** It let a lease run out and has not been heard from since: frozen, perhaps. It gets nothing. */
  isSuspect = false
  place: ConsumerPlace = 'none'
  /** Its leases, newest first. */
  held: LeaseRecord | undefined = undefined
  /** Neighbours among the free (in a selector) or the parked (in the pool): never both. */
  prev: Consumer | undefined = undefined
  next: Consumer | undefined = undefined
  /** The selector's own mark: a bucket or an index. */
  mark = 0

  constructor(
    id: number,
    spec: ConsumerSpec<unknown>,
    interest: Interest,
    owner: Owner,
    pool: Pool | undefined,
  ) {
    this.id = id
    this.interest = interest
    this.owner = owner
    this.credit = spec.credit
    this.leaseMs = spec.leaseMs
    this.pool = pool
  }

  /** Whether, as far as it is concerned, it may have another delivery. */
  get hasRoom(): boolean {
    return !this.isSuspect && this.used < this.credit
  }

  hold(lease: LeaseRecord): void {
    const newest = this.held
    lease.nextHeld = newest
    if (newest !== undefined) newest.prevHeld = lease
    this.held = lease
    this.used++
    if (this.pool !== undefined) this.pool.used++
  }

  drop(lease: LeaseRecord): void {
    const { prevHeld, nextHeld } = lease
    if (prevHeld === undefined) this.held = nextHeld
    else prevHeld.nextHeld = nextHeld
    if (nextHeld !== undefined) nextHeld.prevHeld = prevHeld
    lease.prevHeld = undefined
    lease.nextHeld = undefined
    this.used--
    if (this.pool !== undefined) this.pool.used--
  }
}
