import type { PerformOptions, Run } from '../client/run.ts'
import type {
  HandlerInput,
  HandlerOutput,
  ProgressInput,
  TaskDefinition,
  TaskInput,
  TaskOutput,
  TaskProgress,
} from '../define/task-definition.ts'
import type { Middleware } from '../middleware/middleware.ts'
import type { Logger, Route } from '../transport.ts'

/** What a handler knows about its task, and how it speaks to whoever performs it. */
export interface TaskContext<P = unknown> {
  readonly tid: string
  readonly route: Route
  readonly workgroup: string
  /** 1, 2, 3 … of this task. */
  readonly attempt: number
  /** Grows with each delivery of this task: hand it to a store that refuses writes with an older one. */
  readonly fence: number
  /** Epoch milliseconds by which the task must have ended. */
  readonly deadline: number
  /** Milliseconds until `deadline`; never below 0. */
  readonly remainingMs: number
  /** What the caller sent beside the input, the trace included. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Aborted when the work is of no use any more. `signal.reason` is an `AetherError`: `ERR_AETHER_TASK_CANCELLED`, `ERR_AETHER_DEADLINE_EXCEEDED`,
   * `ERR_AETHER_ATTEMPT_TIMEOUT`, `ERR_AETHER_LEASE_LOST` or `ERR_AETHER_WORKER_SHUTDOWN`.
   */
  readonly signal: AbortSignal
  /** Aborted earlier than `signal` when the worker starts to drain: a good moment to save a checkpoint. */
  readonly draining: AbortSignal
  /** The worker's logger with tid, job, task and attempt in each line. */
  readonly log: Logger
  /** Reports progress; resolves when the transport has accepted it. Rejects with `ERR_AETHER_PROGRESS_INVALID` or when the task was taken away. */
  progress(data: P): Promise<void>
  /** Reports how far the work is, 0 to 100, and optionally progress data. */
  status(percent: number, data?: P): Promise<void>
  /** Performs another task within this one: inherits the remaining deadline, the signal and the trace. */
  perform<D extends TaskDefinition>(
    definition: D,
    input: TaskInput<D>,
    options?: PerformOptions,
  ): Run<TaskOutput<D>, TaskProgress<D>>
}

/** Returns (a promise of) the output: complete. Throws: fail. */
export type TaskHandler<D extends TaskDefinition> = (
  input: HandlerInput<D>,
  ctx: TaskContext<ProgressInput<D>>,
) => HandlerOutput<D> | PromiseLike<HandlerOutput<D>>

export interface HandleOptions {
  /** How many of this task at a time, within the worker's own limit. @default the worker's concurrency */
  readonly concurrency?: number
  /** @default the definition's */
  readonly leaseMs?: number
  /** @default the definition's */
  readonly attemptTimeoutMs?: number
  /** Only tasks with this label; `+` is any. @default '+' */
  readonly context?: string
}

export interface WorkerOptions {
  /** Each task goes to exactly one worker of each workgroup. @default 'workers' */
  readonly workgroup?: string
  /** How many tasks at a time, over all handlers. @default 16 */
  readonly concurrency?: number
  /** Which of the application's transports. @default its first */
  readonly channel?: string
  /** Name in presence, unique. @default the application's name and a number */
  readonly name?: string
  /** Runs around each handler, inside the application's own. @default [] */
  readonly middleware?: readonly Middleware[]
  /** How often it says that it is there; 0: never. @default 5_000 */
  readonly presenceMs?: number
  /** Sends an `initialized` status when it takes a task: one more message each. @default false */
  readonly announce?: boolean
  /** How long `close` lets handlers finish. @default 30_000 */
  readonly graceMs?: number
  /** Workers of one channel that name the same pool together take at most `concurrency` tasks; it is the same in all of them. @default one of its own */
  readonly pool?: string
}

export interface DrainOptions {
  /** How long handlers may go on before `ctx.signal` aborts. @default the worker's graceMs */
  readonly graceMs?: number
  /** Aborting it ends the grace at once. */
  readonly signal?: AbortSignal
}

export type WorkerState =
  | { readonly status: 'idle' }
  | { readonly status: 'starting' }
  | { readonly status: 'ready' }
  | { readonly status: 'draining' }
  | { readonly status: 'closed' }
  | { readonly status: 'failed'; readonly error: unknown }

/** Counts since the worker was made. */
export interface WorkerStats {
  /** Tasks in hand now. */
  readonly active: number
  readonly succeeded: number
  /** Attempts that failed, retried or not. */
  readonly failed: number
  /** Deliveries given back or taken away unfinished. */
  readonly returned: number
  /** Duplicates answered with the stored completion. */
  readonly deduplicated: number
  /** Completions refused because the lease was lost. */
  readonly refused: number
}

/** Works on tasks of one workgroup. */
export interface Worker {
  readonly name: string
  readonly workgroup: string
  readonly state: WorkerState
  readonly stats: WorkerStats
  /** Says who works on a task; before `start`. Throws `ERR_AETHER_HANDLER_DUPLICATE` and `ERR_AETHER_OPTIONS_INVALID`. */
  handle<D extends TaskDefinition>(definition: D, handler: TaskHandler<D>, options?: HandleOptions): Worker
  /** Resolves when every handled task is being consumed. */
  start(options?: { readonly signal?: AbortSignal }): Promise<void>
  /** Stops intake, lets handlers finish, aborts those left after the grace, returns their leases, and closes. */
  drain(options?: DrainOptions): Promise<void>
  /** As `drain` with the default grace; aborting `signal` ends the grace. Idempotent. */
  close(options?: { readonly signal?: AbortSignal }): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
