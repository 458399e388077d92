import type { CommandWaiter } from '../connection/command-ring.ts'
import { closedError } from '../connection/connection-errors.ts'
import type { Connection } from '../connection/connection.ts'
import { isOver } from '../connection/connection-state.ts'
import { WireError } from '../errors.ts'
import type { FrameCursor } from '../frames/frame-cursor.ts'
import type { TaskFields } from '../frames/task-blocks.ts'
import {
  CompleteFrame,
  readComplete,
  readStatus,
  StatusFrame,
  writeAttach,
  writeCancel,
  writeSend,
} from '../frames/tasks.ts'
import type { ResolvedOptions } from '../options.ts'
import { PromiseWaiter } from '../connection/promise-waiter.ts'
import { Outcome, Reason } from '../protocol.ts'
import { RouteTable } from './route-table.ts'
import { SlotTable } from '../slot-table.ts'

/** A task to send: the fields of its block, and where it goes. */
export interface TaskSend {
  /** `union/job/task/context`. */
  readonly route: string
  readonly fields: TaskFields
  /** Epoch milliseconds; 0: none. */
  readonly deadlineAt: number
}

/** Who hears what became of one SEND or ATTACH: one of the two, once. */
export interface SendWaiter {
  /** The broker holds the task; `deduplicated`: it knew the tid already. */
  confirmed(deduplicated: boolean): void
  refused(error: unknown): void
}

/** Who hears of runs. `context` is what was given to `send` or `attach`; offsets of a frame count in `bytes`, and hold only during the call. */
export interface RunHandler<C> {
  onStatus(context: C, frame: StatusFrame, bytes: Uint8Array): void
  /** The last word on a run. */
  onComplete(context: C, frame: CompleteFrame, bytes: Uint8Array): void
  /** The run cannot go on: it was refused when it was said again after a reconnection, or its deadline is long over and nobody said so. */
  onLost(context: C, error: WireError): void
  /** What the promises of leases reject with, made of what went wrong. By default that itself. */
  mapError?(error: unknown): Error
}

/** How long after its deadline a run is still waited for. */
const GRACE_MS = 5_000
const SWEEP_MS = 1_000

/** One run that this client watches. It waits for the confirmation of its own SEND or ATTACH. */
class Run<C> implements CommandWaiter {
  readonly route: string
  readonly tid: string
  readonly context: C
  /** Undefined for a run that was attached to. */
  readonly task: TaskSend | undefined
  /** Monotonic milliseconds of the first SEND: what is left of its times counts from it, whatever becomes of the machine's clock. */
  readonly sentAt: number
  /** Monotonic milliseconds of its deadline; Infinity where it has none here. */
  readonly dueAt: number
  accepted = false
  id = 0
  readonly #runs: TaskRuns<C>
  #waiter: SendWaiter | undefined

  constructor(
    runs: TaskRuns<C>,
    route: string,
    tid: string,
    context: C,
    task: TaskSend | undefined,
    leftMs: number,
    waiter: SendWaiter,
  ) {
    this.#runs = runs
    this.#waiter = waiter
    this.route = route
    this.tid = tid
    this.context = context
    this.task = task
    this.sentAt = performance.now()
    this.dueAt = this.sentAt + leftMs
  }

  confirmed(deduplicated: boolean): void {
    this.accepted = true
    const waiter = this.#waiter
    // Said again after a reconnection, it is confirmed again.
    this.#waiter = undefined
    waiter?.confirmed(deduplicated)
  }

  refused(error: WireError): void {
    this.#runs.refused(this, error)
  }

  fail(error: WireError): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.refused(error)
  }
}

/** The sending half of tasks: what was sent or attached to and is not over. After a reconnection each run is said again under its tid. */
export class TaskRuns<C> {
  readonly #connection: Connection
  readonly #options: ResolvedOptions
  readonly #handler: RunHandler<C>
  readonly #routes: RouteTable
  readonly #runs = new SlotTable<Run<C>>()
  readonly #status = new StatusFrame()
  readonly #complete = new CompleteFrame()
  #sweeper: ReturnType<typeof setInterval> | undefined
  #lostAt = 0

  constructor(connection: Connection, options: ResolvedOptions, handler: RunHandler<C>) {
    this.#connection = connection
    this.#options = options
    this.#handler = handler
    this.#routes = new RouteTable(connection)
  }

  /** Resolves once the broker holds the task, with whether it knew the tid. Its events go to the handler, with `context`. */
  send(task: TaskSend, context: C): Promise<boolean> {
    return new Promise((confirmed, refused) => this.post(task, context, { confirmed, refused }))
  }

  /** As `send`, for a caller with a promise of its own: nothing is thrown, `waiter` hears it. */
  post(task: TaskSend, context: C, waiter: SendWaiter): void {
    if (this.#connection.ready) this.#post(task, context, waiter)
    else this.#postLater(task, context, waiter).catch((error: unknown) => waiter.refused(error))
  }

  /** As `send`, for a task that this client watches already: it brings no further events. */
  async repeat(task: TaskSend): Promise<boolean> {
    while (!this.#connection.ready) await this.#connection.whenReady()
    const leftMs = this.#check(task)
    const writer = this.#connection.writer
    writeSend(writer, this.#routes.idOf(task.route), 0, deadlineMs(leftMs), task.fields)
    return new Promise((confirmed, refused) => this.#connection.sent({ confirmed, refused }))
  }

  /** Watches a task that someone sent. `ERR_AETHER_TASK_UNKNOWN`. */
  async attach(route: string, tid: string, context: C): Promise<void> {
    while (!this.#connection.ready) await this.#connection.whenReady()
    this.#checkRoom()
    await new Promise<boolean>((confirmed, refused) => {
      const waiter = { confirmed, refused }
      this.#sayFirst(this.#add(new Run(this, route, tid, context, undefined, Infinity, waiter)), undefined, 0)
    })
  }

  /** `ERR_AETHER_TASK_UNKNOWN`. Said again on the next connection where its answer went with one: to cancel twice is to cancel. */
  async cancel(route: string, tid: string, reason: string): Promise<void> {
    for (;;) {
      while (!this.#connection.ready) await this.#connection.whenReady()
      const waiter = new PromiseWaiter()
      writeCancel(this.#connection.writer, this.#routes.idOf(route), tid, reason)
      this.#connection.sent(waiter)
      try {
        return await waiter.promise
      } catch (error) {
        if ((error as WireError).code !== 'ERR_AETHER_TRANSPORT_LOST') throw error
      }
    }
  }

  onStatus(cursor: FrameCursor): void {
    const frame = this.#status
    readStatus(cursor, frame)
    const run = this.#runs.get(frame.correlation)
    if (run !== undefined) this.#handler.onStatus(run.context, frame, cursor.bytes)
  }

  onComplete(cursor: FrameCursor): void {
    const frame = this.#complete
    readComplete(cursor, frame)
    const run = this.#runs.remove(frame.correlation)
    if (run !== undefined) this.#handler.onComplete(run.context, frame, cursor.bytes)
  }

  onReady(): void {
    const now = performance.now()
    for (const [, run] of this.#runs.entries()) {
      if (run.dueAt <= now) this.#expire(run)
      else this.#sayAgain(run, now)
    }
  }

  onLost(error: WireError): void {
    this.#routes.clear()
    this.#lostAt = performance.now()
    if (!isOver(this.#connection.state)) return
    this.#stopSweeper()
    for (const [id, run] of this.#runs.entries()) {
      this.#runs.remove(id)
      run.fail(error)
      if (run.accepted) this.#handler.onLost(run.context, error)
    }
  }

  /** @internal */
  refused(run: Run<C>, error: WireError): void {
    // Said again when there is a connection; `#sweep` bounds the wait.
    if (error.code === 'ERR_AETHER_TRANSPORT_LOST') return
    this.#runs.remove(run.id)
    run.fail(error)
    if (run.accepted) this.#handler.onLost(run.context, error)
  }

  #post(task: TaskSend, context: C, waiter: SendWaiter): void {
    try {
      const leftMs = this.#check(task)
      this.#sayFirst(
        this.#add(new Run(this, task.route, task.fields.tid, context, task, leftMs, waiter)),
        task.fields,
        leftMs,
      )
    } catch (error) {
      waiter.refused(error)
    }
  }

  async #postLater(task: TaskSend, context: C, waiter: SendWaiter): Promise<void> {
    while (!this.#connection.ready) await this.#connection.whenReady()
    this.#post(task, context, waiter)
  }

  #add(run: Run<C>): Run<C> {
    run.id = this.#runs.add(run)
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS)
    return run
  }

  /** A run that cannot be said is none. */
  #sayFirst(run: Run<C>, fields: TaskFields | undefined, leftMs: number): void {
    try {
      this.#say(run, fields, leftMs)
    } catch (error) {
      this.#runs.remove(run.id)
      throw error
    }
  }

  /** On a new connection; what cannot be said there, since this broker takes less, say, must not end it for the others. */
  #sayAgain(run: Run<C>, now: number): void {
    const fields = run.task && resumed(run.task.fields, now - run.sentAt, run.accepted)
    try {
      if (fields !== undefined) this.#checkSize(fields)
      this.#say(run, fields, run.dueAt - now)
    } catch (error) {
      this.refused(run, error as WireError)
    }
  }

  #say(run: Run<C>, fields: TaskFields | undefined, leftMs: number): void {
    const writer = this.#connection.writer
    const routeId = this.#routes.idOf(run.route)
    if (fields === undefined) writeAttach(writer, routeId, run.id, run.tid)
    else writeSend(writer, routeId, run.id, deadlineMs(leftMs), fields)
    this.#connection.sent(run)
  }

  /** Whether a task may be sent, and how long it has: milliseconds, or Infinity. */
  #check(task: TaskSend): number {
    this.#checkRoom()
    this.#checkSize(task.fields)
    if (task.deadlineAt === 0) return Infinity
    const leftMs = task.deadlineAt - Date.now()
    if (leftMs > 0) return leftMs
    throw new WireError(
      'ERR_AETHER_DEADLINE_EXCEEDED',
      `The deadline of task ${task.fields.tid} is over before it was sent.`,
    )
  }

  #checkSize({ tid, workgroup, headers, body }: TaskFields): void {
    this.#connection.checkSize(28 + 3 * (tid.length + workgroup.length), headers, body.length)
  }

  #checkRoom(): void {
    if (isOver(this.#connection.state)) throw closedError()
    if (this.#runs.size < this.#options.maxPending) return
    throw new WireError('ERR_AETHER_QUEUE_FULL', `${this.#options.maxPending} runs are open already.`, {
      retryable: true,
    })
  }

  #expire(run: Run<C>): void {
    this.#runs.remove(run.id)
    if (!run.accepted)
      return run.fail(
        new WireError('ERR_AETHER_DEADLINE_EXCEEDED', `The deadline of task ${run.tid} is over.`),
      )
    const frame = new CompleteFrame()
    frame.outcome = Outcome.expired
    frame.reason = Reason.deadline
    this.#handler.onComplete(run.context, frame, new Uint8Array(0))
  }

  #sweep(): void {
    const now = performance.now()
    const tooLong = !this.#connection.ready && now - this.#lostAt > this.#options.connectTimeoutMs
    for (const [id, run] of this.#runs.entries()) {
      if (run.dueAt + GRACE_MS < now) this.#expire(run)
      else if (tooLong && !run.accepted) {
        this.#runs.remove(id)
        run.fail(
          new WireError(
            'ERR_AETHER_TRANSPORT_LOST',
            `The connection was lost while task ${run.tid} was sent: it may have been accepted.`,
            {
              retryable: true,
            },
          ),
        )
      }
    }
    if (this.#runs.size === 0) this.#stopSweeper()
  }

  #stopSweeper(): void {
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}

/** What is left, as a frame says it. */
function deadlineMs(leftMs: number): number {
  return leftMs === Infinity ? 0 : Math.min(0xffff_ffff, Math.max(1, Math.ceil(leftMs)))
}

/** A task as it is said again: what has passed is taken off its times, and what was accepted once must not be refused for want of workers. */
function resumed(fields: TaskFields, passedMs: number, accepted: boolean): TaskFields {
  return {
    ...fields,
    ttlMs: fields.ttlMs === 0 ? 0 : Math.max(1, Math.floor(fields.ttlMs - passedMs)),
    delayMs: Math.max(0, Math.floor(fields.delayMs - passedMs)),
    waitForWorkers: fields.waitForWorkers || accepted,
  }
}
