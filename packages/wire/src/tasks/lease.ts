import type { CommandWaiter } from '../connection/command-ring.ts'
import { WireError } from '../errors.ts'
import type { CompleteFields, StatusFields } from '../frames/task-blocks.ts'
import type { DeliverFrame } from '../frames/tasks.ts'
import type { LeaseTable } from './lease-table.ts'

/** Why a lease ended before it was settled: the code says which. */
export type RevokeHandler = (reason: WireError) => void

/** One delivery in this client's hands. Settle it once, with `ack` or `release`. */
export class Lease {
  readonly id: number
  /** @internal The next one in its bucket of the table of leases. */
  idNext: Lease | undefined = undefined
  readonly route: string
  readonly attempt: number
  /** Epoch milliseconds of this machine's clock; 0: none. */
  readonly deadlineAt: number
  /** The fields of its task block. Offsets count in `bytes`, which are kept as long as the lease is. */
  readonly tid: string
  readonly workgroup: string
  readonly waitForWorkers: boolean
  readonly priority: number
  readonly attempts: number
  readonly ttlMs: number
  readonly delayMs: number
  readonly codec: number
  readonly bytes: Uint8Array
  readonly headersAt: number
  readonly headersEnd: number
  readonly bodyAt: number
  readonly end: number
  readonly #table: LeaseTable
  #open = true
  #revoked: WireError | undefined
  #onRevoke: RevokeHandler | undefined

  constructor(table: LeaseTable, route: string, frame: DeliverFrame, bytes: Uint8Array) {
    this.#table = table
    this.id = frame.lease
    this.route = route
    this.attempt = frame.attempt
    this.deadlineAt = frame.remainingMs === 0 ? 0 : Date.now() + frame.remainingMs
    this.tid = frame.tid
    this.workgroup = frame.workgroup
    this.waitForWorkers = frame.waitForWorkers
    this.priority = frame.priority
    this.attempts = frame.attempts
    this.ttlMs = frame.ttlMs
    this.delayMs = frame.delayMs
    this.codec = frame.codec
    this.bytes = bytes
    this.headersAt = frame.headersAt
    this.headersEnd = frame.headersEnd
    this.bodyAt = frame.bodyAt
    this.end = frame.end
  }

  /** Takes the function that is called once when the lease ends unsettled; at once, where that has happened. */
  onRevoke(handler: RevokeHandler): void {
    if (this.#revoked !== undefined) handler(this.#revoked)
    else this.#onRevoke = handler
  }

  /** Holds the lease for another `leaseMs`. `ERR_AETHER_LEASE_LOST`. */
  renew(): Promise<void> {
    return this.#open ? this.#table.renew(this) : this.#refused()
  }

  /** Sends progress; resolves when the broker has it. `ERR_AETHER_LEASE_LOST`, `ERR_AETHER_QUEUE_FULL`. */
  report(status: StatusFields): Promise<void> {
    return this.#open ? this.#table.report(this, status) : this.#refused()
  }

  /** Ends the task. `ERR_AETHER_LEASE_LOST`: nothing was sent to its caller. */
  ack(outcome: number, complete: CompleteFields, deadLetter: boolean): Promise<void> {
    return this.#open ? this.#table.ack(this, outcome, complete, deadLetter) : this.#refused()
  }

  /** Gives the task back. `ERR_AETHER_LEASE_LOST`. */
  release(delayMs: number, failed: boolean, error: CompleteFields): Promise<void> {
    return this.#open ? this.#table.release(this, delayMs, failed, error) : this.#refused()
  }

  /** @internal */
  settle(): void {
    this.#open = false
    this.#onRevoke = undefined
  }

  /** @internal */
  revoke(reason: WireError): void {
    if (!this.#open) return
    this.#open = false
    this.#revoked = reason
    const handler = this.#onRevoke
    this.#onRevoke = undefined
    handler?.(reason)
  }

  #refused(): Promise<never> {
    return Promise.reject(this.#table.mapError(this.#gone()))
  }

  #gone(): WireError {
    const revoked = this.#revoked
    if (revoked === undefined)
      return new WireError('ERR_AETHER_LEASE_LOST', `The delivery of task ${this.tid} is settled already.`)
    return new WireError(
      'ERR_AETHER_LEASE_LOST',
      `The lease of task ${this.tid} is gone: ${revoked.message}`,
      { cause: revoked },
    )
  }
}

/** A command about a lease. Where its answer was lost with the connection, the lease was too. */
export class LeaseWaiter implements CommandWaiter {
  readonly promise: Promise<void>
  readonly #table: LeaseTable
  /** Not the lease, whose bytes need not be kept until its end is confirmed. */
  readonly #tid: string
  #resolve!: () => void
  #reject!: (error: Error) => void

  constructor(table: LeaseTable, tid: string) {
    this.#table = table
    this.#tid = tid
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  confirmed(): void {
    this.#resolve()
  }

  refused(error: WireError): void {
    const isLost = error.code === 'ERR_AETHER_TRANSPORT_LOST' || error.code === 'ERR_AETHER_TRANSPORT_CLOSED'
    this.#reject(this.#table.mapError(isLost ? lostWith(this.#tid, error) : refusedOf(this.#tid, error)))
  }
}

function lostWith(tid: string, error: WireError): WireError {
  return new WireError(
    'ERR_AETHER_LEASE_LOST',
    `The lease of task ${tid} ended with the connection; its last word may have been heard. ${error.message}`,
    { cause: error },
  )
}

/** A command carries no name, so the broker cannot tell which task it refuses. */
function refusedOf(tid: string, error: WireError): WireError {
  const { code, message, retryable } = error
  return new WireError(code, `Task ${tid}: ${message}`, { cause: error, retryable })
}
