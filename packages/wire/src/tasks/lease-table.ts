import type { Connection } from '../connection/connection.ts'
import { WireError, type WireErrorCode } from '../errors.ts'
import type { FrameCursor } from '../frames/frame-cursor.ts'
import { type CompleteFields, type StatusFields } from '../frames/task-blocks.ts'
import { readRevoke, writeAck, writeRelease, writeRenew, writeReport } from '../frames/tasks.ts'
import { IdTable } from './id-table.ts'
import { type Lease, LeaseWaiter } from './lease.ts'
import { RevokeReason } from '../protocol.ts'

/** A broker refuses a block that would not fit the frame in which it is passed on; here that is known before a lease is settled for it. */
const BLOCK_ROOM = 80

/** What the promises of leases reject with, made of what went wrong. */
export type ErrorMapper = (error: unknown) => Error

/** The leases that this client holds on its current connection. Each command is one promise. */
export class LeaseTable {
  /** As it is, unless the session that owns the tasks says otherwise. */
  mapError: ErrorMapper = (error) => error as Error
  readonly #connection: Connection
  readonly #onWarning: (error: WireError) => void
  readonly #leases = new IdTable<Lease>()

  constructor(connection: Connection, onWarning: (error: WireError) => void) {
    this.#connection = connection
    this.#onWarning = onWarning
  }

  get size(): number {
    return this.#leases.size
  }

  add(lease: Lease): void {
    this.#leases.add(lease)
  }

  renew(lease: Lease): Promise<void> {
    writeRenew(this.#connection.writer, lease.id)
    return this.#sent(lease)
  }

  report(lease: Lease, status: StatusFields): Promise<void> {
    try {
      this.#connection.checkRoom()
      this.#connection.checkSize(BLOCK_ROOM, status.headers, status.body.length)
      writeReport(this.#connection.writer, lease.id, status)
    } catch (error) {
      return Promise.reject(this.mapError(error))
    }
    return this.#sent(lease)
  }

  ack(lease: Lease, outcome: number, complete: CompleteFields, deadLetter: boolean): Promise<void> {
    try {
      this.#connection.checkSize(BLOCK_ROOM, complete.headers, complete.body.length)
      writeAck(this.#connection.writer, lease.id, outcome, deadLetter, complete)
    } catch (error) {
      return Promise.reject(this.mapError(error))
    }
    return this.#settled(lease)
  }

  release(lease: Lease, delayMs: number, failed: boolean, error: CompleteFields): Promise<void> {
    try {
      this.#connection.checkSize(BLOCK_ROOM, error.headers, error.body.length)
      writeRelease(this.#connection.writer, lease.id, delayMs, failed, error)
    } catch (cause) {
      return Promise.reject(this.mapError(cause))
    }
    return this.#settled(lease)
  }

  onRevoke(cursor: FrameCursor): void {
    const { lease: id, reason, text } = readRevoke(cursor)
    const lease = this.#leases.get(id)
    // Settled here while the broker said so.
    if (lease === undefined) return
    this.#leases.delete(lease)
    this.#revoke(
      lease,
      new WireError(codeOf(reason), text === '' ? `The lease of task ${lease.tid} was taken back.` : text),
    )
  }

  onLost(error: WireError): void {
    for (const lease of this.#leases.takeAll()) {
      this.#revoke(
        lease,
        new WireError('ERR_AETHER_LEASE_LOST', 'The connection was lost, and every lease with it.', {
          cause: error,
        }),
      )
    }
  }

  /** A handler that throws is the application's fault and must not look like the broker's. */
  #revoke(lease: Lease, reason: WireError): void {
    try {
      lease.revoke(reason)
    } catch (cause) {
      this.#onWarning(
        new WireError('ERR_AETHER_TASK_FAILED', `onRevoke threw for task ${lease.tid}.`, { cause }),
      )
    }
  }

  #settled(lease: Lease): Promise<void> {
    this.#leases.delete(lease)
    lease.settle()
    return this.#sent(lease)
  }

  #sent(lease: Lease): Promise<void> {
    const waiter = new LeaseWaiter(this, lease.tid)
    this.#connection.sent(waiter)
    return waiter.promise
  }
}

function codeOf(reason: number): WireErrorCode {
  if (reason === RevokeReason.cancelled) return 'ERR_AETHER_TASK_CANCELLED'
  if (reason === RevokeReason.deadline) return 'ERR_AETHER_DEADLINE_EXCEEDED'
  return 'ERR_AETHER_LEASE_LOST'
}
