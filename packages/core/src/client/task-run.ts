import type { Channel } from '../app/channel.ts'
import type { Plan } from '../app/plan.ts'
import type { TidEntry } from '../table/tid-table.ts'
import type { WheelEntry } from '../app/wheel.ts'
import type { AetherError } from '../errors.ts'
import { BoundedStream } from '../stream/bounded-stream.ts'
import type { Receipt, Route, StatusEvent } from '../transport.ts'
import type { Run, RunStatus, Settlement } from './run.ts'
import type { Follow } from './shared-aborts.ts'

/**
 * How far a run came on its way to the engine: `preparing` (validation, middleware, connecting), `sending` (handed to the transport), `accepted` (the engine
 * holds it), `refused`. Whether it has ended is another matter: a completion may overtake the receipt.
 */
export type RunPhase = 'preparing' | 'sending' | 'accepted' | 'refused'

/** What a run needs of the one that made it. */
export interface RunOwner {
  /** Asks for the end of a run whose `cancelReason` was just set. */
  cancelRun(run: TaskRun): void
  /** A run has settled: forget it. */
  releaseRun(run: TaskRun): void
  /** Progress data of an event; undefined when there is none, or none that can be read. */
  readProgress(run: TaskRun, event: StatusEvent): { readonly value: unknown } | undefined
  /** Calls a callback of the user; what it throws is logged. */
  callBack(run: TaskRun, callback: () => void): void
}

/** The few options that a run needs after it was sent. */
export interface RunOptions {
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
  readonly progress?: 'latest' | 'all'
  readonly progressLimit?: number
  readonly onStatus?: (status: RunStatus) => void
  readonly onSettled?: (settlement: Settlement) => void
}

/** The `intercept` of a run whose middleware has its settlement: later ones are duplicates. */
export const alreadySeen = (_settlement: Settlement): void => {}

const noOptions: RunOptions = {}
const notDeduplicated: Receipt = Object.freeze({ deduplicated: false })

/**
 * One run, and its own entry in the table and the wheel of its client. Promises, streams and listeners come into being when somebody asks for them: a run
 * that is merely awaited allocates one promise.
 */
export class TaskRun implements Run<unknown, unknown>, WheelEntry<TaskRun>, TidEntry<TaskRun> {
  wheelNext: TaskRun | undefined = undefined
  wheelPrevious: TaskRun | undefined = undefined
  wheelDueMs = 0
  wheelBucket = -1
  tableHash = 0
  tableNext: TaskRun | undefined = undefined

  readonly tid: string
  readonly options: RunOptions
  /** Attached runs do not count in the ledger. */
  readonly isAttached: boolean
  /** Known once preparation got that far. */
  plan: Plan | undefined = undefined
  channel: Channel | undefined = undefined
  route: Route | undefined = undefined
  /** Whose completion answers; any for attached runs. */
  workgroup: string | undefined = undefined
  phase: RunPhase = 'preparing'
  cancelReason: string | undefined = undefined
  /** What the run ends with when it is next due, other than its deadline. */
  doom: AetherError | undefined = undefined
  /** Its deadline has passed, and the engine has a moment left to say so. */
  isOverdue = false
  /** Receives the settlement in place of the run while middleware still has to see it. */
  intercept: ((settlement: Settlement) => void) | undefined = undefined
  /** What it has of `options.signal`, until it has ended. */
  follow: Follow | undefined = undefined
  receipt: Receipt | undefined = undefined
  refusal: AetherError | undefined = undefined
  settlement: Settlement | undefined = undefined

  readonly #owner: RunOwner
  #attempt = 0
  #seq = -1
  #latest: StatusEvent | undefined = undefined
  #stream: BoundedStream<StatusEvent, unknown> | undefined = undefined
  #settled: Promise<Settlement> | undefined = undefined
  #resolveSettled: ((settlement: Settlement) => void) | undefined = undefined
  #result: Promise<unknown> | undefined = undefined
  #resolveResult: ((value: unknown) => void) | undefined = undefined
  #rejectResult: ((error: AetherError) => void) | undefined = undefined
  #accepted: Promise<Receipt> | undefined = undefined
  #resolveAccepted: ((receipt: Receipt) => void) | undefined = undefined
  #rejectAccepted: ((error: AetherError) => void) | undefined = undefined

  constructor(owner: RunOwner, tid: string, options: RunOptions | undefined, isAttached: boolean) {
    this.#owner = owner
    this.tid = tid
    this.options = options ?? noOptions
    this.isAttached = isAttached
  }

  /** Under which the table of its channel finds it. */
  get key(): string {
    return this.tid
  }

  get deduplicated(): boolean {
    return this.receipt?.deduplicated ?? false
  }

  get accepted(): Promise<Receipt> {
    if (this.#accepted === undefined) {
      if (this.receipt !== undefined) this.#accepted = Promise.resolve(this.receipt)
      else if (this.refusal !== undefined) this.#accepted = Promise.reject(this.refusal)
      else {
        this.#accepted = new Promise((resolve, reject) => {
          this.#resolveAccepted = resolve
          this.#rejectAccepted = reject
        })
      }
      // Whoever awaits it still sees the rejection; one who only looked at it must not bring the process down.
      this.#accepted.catch(ignore)
    }
    return this.#accepted
  }

  get progress(): AsyncIterable<unknown> {
    return this.#openStream()
  }

  settle(): Promise<Settlement> {
    this.#settled ??=
      this.settlement === undefined
        ? new Promise((resolve) => {
            this.#resolveSettled = resolve
          })
        : Promise.resolve(this.settlement)
    return this.#settled
  }

  cancel(reason: string = 'cancelled by its caller'): Promise<Settlement> {
    if (this.settlement === undefined && this.cancelReason === undefined) {
      this.cancelReason = String(reason)
      this.#owner.cancelRun(this)
    }
    return this.settle()
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a run is awaited for its output: that is its face
  then<T = unknown, U = never>(
    onFulfilled?: ((value: unknown) => T | PromiseLike<T>) | null,
    onRejected?: ((reason: unknown) => U | PromiseLike<U>) | null,
  ): Promise<T | U> {
    return this.#output().then(onFulfilled, onRejected)
  }

  catch<T = never>(onRejected?: ((error: AetherError) => T | PromiseLike<T>) | null): Promise<unknown> {
    return this.#output().catch(onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<unknown> {
    return this.#output().finally(onFinally)
  }

  /** The engine holds the task. */
  accept(receipt: Receipt): void {
    this.receipt = receipt
    this.phase = 'accepted'
    this.#resolveAccepted?.(receipt)
  }

  /** The engine does not hold the task, or nobody will know whether it does. */
  refuse(error: AetherError): void {
    if (this.receipt !== undefined || this.refusal !== undefined) return
    this.refusal = error
    this.phase = 'refused'
    this.#rejectAccepted?.(error)
  }

  /** Takes a status; one that is older than the last of its kind is dropped. */
  report(event: StatusEvent): void {
    if (this.settlement !== undefined || event.status !== 'progress') return
    if (event.attempt < this.#attempt || (event.attempt === this.#attempt && event.seq <= this.#seq)) return
    this.#attempt = event.attempt
    this.#seq = event.seq
    if (this.options.progress === 'all') this.#openStream().push(event)
    else if (this.#stream === undefined) this.#latest = event
    else this.#stream.push(event)
    const { onStatus } = this.options
    if (onStatus === undefined) return
    this.#owner.callBack(this, () =>
      onStatus({
        percent: event.progress,
        data: this.#owner.readProgress(this, event)?.value,
        attempt: event.attempt,
        seq: event.seq,
        worker: event.client,
      }),
    )
  }

  /** Ends the run, once. Middleware, where it waits, sees the settlement first. */
  finish(settlement: Settlement): void {
    if (this.settlement !== undefined) return
    const { intercept } = this
    if (intercept !== undefined) {
      this.intercept = alreadySeen
      intercept(settlement)
      return
    }
    this.settlement = settlement
    if (this.phase === 'preparing') this.#neverSent(settlement)
    this.#owner.releaseRun(this)
    this.#stream?.end()
    this.#resolveSettled?.(settlement)
    if (settlement.status === 'succeeded') this.#resolveResult?.(settlement.value)
    else this.#rejectResult?.(settlement.error)
    const { onSettled } = this.options
    if (onSettled !== undefined) this.#owner.callBack(this, () => onSettled(settlement))
  }

  /** What was answered by middleware counts as accepted. */
  #neverSent(settlement: Settlement): void {
    if (settlement.status === 'succeeded') this.accept(notDeduplicated)
    else this.refuse(settlement.error)
  }

  #output(): Promise<unknown> {
    if (this.#result !== undefined) return this.#result
    const { settlement } = this
    if (settlement === undefined) {
      this.#result = new Promise((resolve, reject) => {
        this.#resolveResult = resolve
        this.#rejectResult = reject
      })
    } else if (settlement.status === 'succeeded') this.#result = Promise.resolve(settlement.value)
    else this.#result = Promise.reject(settlement.error)
    return this.#result
  }

  #openStream(): BoundedStream<StatusEvent, unknown> {
    if (this.#stream !== undefined) return this.#stream
    const limit = this.options.progress === 'all' ? (this.options.progressLimit ?? 1_000) : 1
    const stream = new BoundedStream<StatusEvent, unknown>({
      limit,
      read: (event) => this.#owner.readProgress(this, event),
    })
    this.#stream = stream
    if (this.#latest !== undefined) stream.push(this.#latest)
    this.#latest = undefined
    if (this.settlement !== undefined) stream.end()
    return stream
  }
}

function ignore(): void {}
