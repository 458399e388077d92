import type {
  AetherError,
  CompleteEvent,
  Delivery,
  ReleaseOptions,
  StatusEvent,
  TaskMessage,
} from '@aether/core'
import { checkBody, checkMs } from './check-input.ts'
import { EndReason } from './event-frame.ts'
import { leaseLost, Revoked, revokeError } from './queue-errors.ts'
import type { QueueHost } from './queue-host.ts'
import type { Place } from './seat.ts'
import { WorkItem, WorkKind } from './work-item.ts'

/** One task in the hands of a consumer. */
export class QueueDelivery implements Delivery {
  readonly task: TaskMessage
  readonly attempt: number
  /** Of its entry. */
  readonly id: string
  readonly place: Place
  /** Monotonic, counted from before Redis was asked: it ends here first. */
  leaseEndsAtMs = 0
  previous: QueueDelivery | undefined
  next: QueueDelivery | undefined
  isSettling = false
  #isOver = false
  #reason: AetherError | undefined
  #onRevoke: ((reason: AetherError) => void) | undefined
  readonly #host: QueueHost

  constructor(host: QueueHost, place: Place, id: string, attempt: number, task: TaskMessage) {
    this.#host = host
    this.place = place
    this.id = id
    this.attempt = attempt
    this.task = task
  }

  onRevoke(handler: (reason: AetherError) => void): void {
    if (this.#reason !== undefined) handler(this.#reason)
    else this.#onRevoke = handler
  }

  renew(): Promise<void> {
    if (this.#isDone()) return Promise.reject(this.#lost())
    return this.#say(new WorkItem(WorkKind.renew, this))
  }

  report(event: StatusEvent): Promise<void> {
    try {
      checkBody('a status', event.body, this.#host.settings.maxPayloadBytes)
      if (this.#isDone()) throw this.#lost()
      return this.#say(new WorkItem(WorkKind.progress, this, event))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  ack(complete: CompleteEvent, options?: { readonly deadLetter?: boolean }): Promise<void> {
    try {
      checkBody('a completion', complete.body, this.#host.settings.maxPayloadBytes)
      if (this.#isDone()) throw this.#lost()
      const item = new WorkItem(WorkKind.finish, this, complete)
      item.isFlagged = options?.deadLetter === true
      return this.#settle(item)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  release(options: ReleaseOptions = {}): Promise<void> {
    try {
      const { delayMs = 0, failed = false } = options
      checkMs('delayMs', delayMs)
      if (this.#isDone()) throw this.#lost()
      const item = new WorkItem(WorkKind.release, this, failed ? this.#failure(options) : undefined)
      item.isFlagged = failed
      item.number = Math.ceil(delayMs)
      item.reason = options.error === undefined ? EndReason.exhausted : EndReason.said
      return this.#settle(item)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A word of its end may have been lost on its way here: asks, and is revoked if that is so. */
  verify(): void {
    if (this.#isDone()) return
    this.#say(new WorkItem(WorkKind.verify, this)).catch((error: unknown) => {
      this.#host.logger.debug('a task in hand is lost, or could not be asked for', { error })
    })
  }

  /** Its lease ended without a word of its worker. */
  revoke(reason: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#reason = reason as AetherError
    this.place.seat.letGo(this)
    const handler = this.#onRevoke
    if (handler === undefined) return
    try {
      handler(this.#reason)
    } catch (error) {
      this.#host.logger.error('a callback of the Redis transport threw', { error })
    }
  }

  /** The transport closes: nobody is told. */
  abandon(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.place.seat.letGo(this)
  }

  /** Whether an answer of Redis still matters. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Redis did what an item asked for, which was sent at `sentAtMs`. */
  onDone(item: WorkItem, sentAtMs: number): void {
    if (item.kind === WorkKind.renew && !this.#isOver) this.place.seat.renewed(this, sentAtMs)
    if (item.isSettling && !this.#isOver) this.#finish()
    if (item.kind === WorkKind.release && item.number > 0) this.place.seat.lane.note(item.number + 2)
    item.resolve()
  }

  /** Redis says that the lease is gone: 2 by a cancel, 3 by its deadline, 1 otherwise. */
  onLost(item: WorkItem, how: number): void {
    const why = how === 2 ? Revoked.cancelled : how === 3 ? Revoked.expired : Revoked.lost
    const error = this.#reason ?? revokeError(why, this.task.tid, this.attempt, '')
    this.revoke(error)
    item.reject(this.#lost())
  }

  /** Nobody knows, or it was refused for good: what was to be settled is in hand again, where its lease is not over. */
  onFailed(item: WorkItem, error: unknown): void {
    if (item.isSettling) {
      this.isSettling = false
      this.place.seat.rearm()
    }
    if (this.#isOver) item.reject(this.#lost())
    else item.reject(error)
  }

  #isDone(): boolean {
    return this.#isOver || this.isSettling
  }

  #lost(): AetherError {
    return leaseLost(this.task.tid, this.attempt)
  }

  #settle(item: WorkItem): Promise<void> {
    this.isSettling = true
    item.isSettling = true
    return this.#say(item)
  }

  #say(item: WorkItem): Promise<void> {
    this.place.seat.lane.work(item)
    return item.promise
  }

  #finish(): void {
    this.#isOver = true
    this.place.seat.letGo(this)
  }

  /** What the caller gets if this was the last attempt. */
  #failure({ error }: ReleaseOptions): CompleteEvent {
    const { route, tid } = this.task
    const { client, machine } = this.#host
    return {
      action: 'complete',
      route,
      tid,
      client,
      host: machine,
      status: 'failed',
      attempt: this.attempt,
      workgroup: this.place.seat.workgroup,
      codec: 'json',
      ...(error && { error }),
    }
  }
}
