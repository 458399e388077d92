import type { AttachOptions, IfCapable, PerformOptions, Run } from '../client/run.ts'
import type { CallbackTask, CallbackTaskOptions } from '../callbacks/callback-task.ts'
import type { Codec } from '../codec/codec.ts'
import type { Clock } from '../clock.ts'
import type { TaskDefinition, TaskInput, TaskOutput, TaskProgress } from '../define/task-definition.ts'
import type { ListenFunction } from '../listen/listen.ts'
import type { Middleware } from '../middleware/middleware.ts'
import type { Presence, PresenceOptions } from '../presence/presence.ts'
import type { Capabilities, Logger, Transport, TransportState, WaitOptions } from '../transport.ts'
import type { Worker, WorkerOptions } from '../worker/worker.ts'

/** Defaults of an application, for what neither the definition nor the call says. */
export interface AetherOptions<T extends Transport = Transport> {
  /** Namespace: nothing crosses it. */
  readonly union: string
  /** The one transport; or several by name: `channels`. */
  readonly transport?: T
  /** Transports by name; the first is the default. */
  readonly channels?: Readonly<Record<string, T>>
  /** Name of this application instance, unique in its union. @default 'aether-' and random letters */
  readonly name?: string
  /** Name of this machine. @default 'localhost' */
  readonly host?: string
  /** @default silent */
  readonly logger?: Logger
  /** @default systemClock */
  readonly clock?: Clock
  /** 0 ≤ x < 1, for jitter. @default Math.random */
  readonly random?: () => number
  /** Makes a unique id. @default random letters and a counter */
  readonly createTid?: () => string
  /** What values are written with. @default json */
  readonly codec?: Codec
  /** Runs around each task of this application, performed or worked on, first to last from outside in. @default [] */
  readonly middleware?: readonly Middleware[]
}

/**
 * Counts of the tasks performed by this application (attached ones are not counted): at any time
 * `performed = succeeded + failed + cancelled + expired + open`.
 */
export interface Ledger {
  readonly performed: number
  readonly succeeded: number
  readonly failed: number
  readonly cancelled: number
  readonly expired: number
  readonly open: number
}

export interface ChannelState {
  readonly channel: string
  readonly state: TransportState
}

/** One application: performs tasks, works on tasks, over one or more transports. */
export interface Aether<C extends Capabilities = Capabilities> {
  readonly union: string
  readonly name: string
  readonly ledger: Ledger
  /** The state of the channel that is worst off. */
  readonly state: TransportState
  /** Each change of any channel's state (or of one), newest last. */
  states(options?: WaitOptions & { readonly channel?: string }): AsyncIterable<ChannelState>
  /** Connects every channel; otherwise each connects when first used. */
  start(options?: WaitOptions): Promise<void>
  /** Sends a task to the workers. Never throws: what is wrong is told by the run. */
  perform<D extends TaskDefinition>(
    definition: D,
    ...rest: undefined extends TaskInput<D>
      ? [input?: TaskInput<D>, options?: PerformOptions<C, TaskProgress<D>>]
      : [input: TaskInput<D>, options?: PerformOptions<C, TaskProgress<D>>]
  ): Run<TaskOutput<D>, TaskProgress<D>>
  /** Follows a task that someone performed, from any process, where results are stored. */
  readonly attach: IfCapable<
    C['results'],
    <D extends TaskDefinition>(
      definition: D,
      tid: string,
      options?: AttachOptions<TaskProgress<D>>,
    ) => Run<TaskOutput<D>, TaskProgress<D>>
  >
  worker(options?: WorkerOptions): Worker
  readonly listen: ListenFunction
  presence(options?: PresenceOptions): Promise<Presence>
  /** The shape of the Python library: callbacks instead of promises. */
  task(options: CallbackTaskOptions): CallbackTask
  /** Drains workers and open runs, then closes what it started; aborting `signal` stops the draining. Idempotent. */
  close(options?: WaitOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
