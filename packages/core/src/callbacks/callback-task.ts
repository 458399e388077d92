import type { Run } from '../client/run.ts'
import type { TaskDefinition } from '../define/task-definition.ts'
import type { TaskContext } from '../worker/worker.ts'

/** What `onPerform` receives: a task context that also completes by a call. */
export interface CallbackContext extends TaskContext {
  /** Ends the task: `complete(true, data)` or `complete(false, reason)`. Resolves at once: it is settled right after. Only the first call counts. */
  complete(succeed: boolean, data?: unknown): Promise<void>
}

/** One task in the shape of the Python library. */
export interface CallbackTaskOptions extends Partial<
  Pick<TaskDefinition, 'deadlineMs' | 'attempts' | 'leaseMs'>
> {
  readonly job: string
  readonly task: string
  /** @default 'x' */
  readonly context?: string
  /** @default the application's first */
  readonly channel?: string
  /** @default 'workers' */
  readonly workgroup?: string
  /** How many at a time, as a worker. @default 16 */
  readonly concurrency?: number
  /** Works on the task. Completed by `ctx.complete`, or by returning without having called it, or by throwing. */
  readonly onPerform?: (ctx: CallbackContext, data: unknown) => unknown
  /** As the caller: each sign of life; `complete` and `succeed` tell the last one. */
  readonly onStatus?: (
    task: CallbackTask,
    complete: boolean,
    succeed: boolean,
    progress: number,
    data: unknown,
  ) => void
  readonly onComplete?: (task: CallbackTask, succeed: boolean, data: unknown) => void
  /** The task was cancelled: told to the caller, and to a worker while it works on it. */
  readonly onCancel?: (task: CallbackTask, reason: string) => void
}

export interface CallbackTask {
  /** Id of the task last performed, or ''. */
  readonly tid: string
  /** The run of the task last performed. */
  readonly run: Run | undefined
  /** Registers as a worker with `onPerform`; resolves when it receives tasks. */
  idle(): Promise<void>
  /** Sends the task; resolves with its tid when it is accepted, rejects when it is refused. */
  perform(data?: unknown): Promise<string>
  /** Cancels what was last performed. */
  cancel(reason?: string): Promise<void>
  /** Leaves, as a worker. */
  dismiss(): Promise<void>
}
