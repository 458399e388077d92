import type { RunStatus, Settlement } from '../client/run.ts'
import type { TaskDefinition, TaskOutput, TaskProgress } from '../define/task-definition.ts'
import type { AetherEvent, EventAction, Listener } from '../transport.ts'
import type { TaskContext } from '../worker/worker.ts'

/** An event with its body decoded. */
export interface HeardEvent<E extends AetherEvent = AetherEvent> {
  readonly event: E
  /** Its body as a value; undefined when there is none. */
  readonly data: unknown
}

/** What a typed listener hears of the tasks of one definition. */
export type TaskEvent<D extends TaskDefinition = TaskDefinition> =
  | { readonly action: 'status'; readonly tid: string; readonly status: RunStatus<TaskProgress<D>> }
  | { readonly action: 'complete'; readonly tid: string; readonly settlement: Settlement<TaskOutput<D>> }
  | { readonly action: 'cancel'; readonly tid: string; readonly reason: string }

export interface TaskListenOptions {
  /** @default '+', any */
  readonly context?: string
  /** @default any */
  readonly tid?: string
  /** @default every transport of the application: its first */
  readonly channel?: string
}

export interface ListenFunction {
  /** Hears status, completion and cancelling of every task of this kind, whoever performs it. */
  <D extends TaskDefinition>(
    definition: D,
    handler: (event: TaskEvent<D>) => unknown,
    options?: TaskListenOptions,
  ): Promise<Listener>
  /** The shape of the Python library: works on tasks of `workgroup`. */
  (
    job: string,
    task: string,
    context: string,
    action: 'perform',
    workgroup: string,
    handler: (ctx: TaskContext, data: unknown) => unknown,
  ): Promise<Listener>
  /** The shape of the Python library: hears events; `+` is any. */
  (
    job: string,
    task: string,
    context: string,
    action: EventAction | '+',
    workgroup: string,
    handler: (heard: HeardEvent) => unknown,
  ): Promise<Listener>
}
