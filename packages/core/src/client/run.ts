import type { AetherError } from '../errors.ts'
import type { Capabilities, Receipt } from '../transport.ts'

/** How a task ended; never thrown. Branch on `status`. */
export type Settlement<O = unknown> =
  | {
      readonly status: 'succeeded'
      readonly tid: string
      readonly value: O
      /** The attempt that ended it; 0 when no worker ever had it. */
      readonly attempt: number
      /** Name of the application that ended it. */
      readonly worker: string
    }
  | {
      readonly status: 'failed' | 'cancelled' | 'expired'
      readonly tid: string
      readonly error: AetherError
      readonly attempt: number
      readonly worker: string | undefined
    }

/** One sign of progress of a running task. */
export interface RunStatus<P = unknown> {
  /** 0 to 100, as the handler said; 0 until it says. */
  readonly percent: number
  /** What the handler passed along, if anything. */
  readonly data: P | undefined
  readonly attempt: number
  /** Grows with each status of one attempt. */
  readonly seq: number
  readonly worker: string
}

/**
 * One performed task. Await it for its output; it rejects with an `AetherError` only where somebody awaits it, so an unobserved failed run never
 * becomes an unhandled rejection.
 */
export interface Run<O = unknown, P = unknown> extends PromiseLike<O> {
  readonly tid: string
  /** Resolves when the engine holds the task; rejects when it was refused. */
  readonly accepted: Promise<Receipt>
  /** Whether the tid was known, so that this run was attached to the live or stored one; false until accepted. */
  readonly deduplicated: boolean
  /** How it ended, once it has. */
  readonly settlement: Settlement<O> | undefined
  /**
   * What the handler reports. Bounded: it keeps the latest value not yet read (or all, up to a limit: `PerformOptions.progress`). Ends quietly when the task
   * ends, however it ends; never rejects. For one reader.
   */
  readonly progress: AsyncIterable<P>
  /** Resolves, never rejects, when the task has ended. */
  settle(): Promise<Settlement<O>>
  /** Asks for its end, queued or running; resolves with how it ended, which is not `cancelled` where it was over before. */
  cancel(reason?: string): Promise<Settlement<O>>
  catch<T = never>(onRejected?: ((error: AetherError) => T | PromiseLike<T>) | null): Promise<O | T>
  finally(onFinally?: (() => void) | null): Promise<O>
}

/** `never` where the transport declares that it cannot; `T` where it can or may. */
export type IfCapable<Can, T> = [Can] extends [false] ? never : T

/** Options of one `perform`. What is left out comes from the task's definition. */
export interface PerformOptions<C extends Capabilities = Capabilities, P = unknown> {
  /** Idempotency key: a known tid attaches to the live or stored run. @default a new id */
  readonly tid?: string
  /** @default 'x' */
  readonly context?: string
  /** The workgroup whose completion answers. @default 'workers' */
  readonly workgroup?: IfCapable<C['groups'], string>
  /** Which of the application's transports. @default its first */
  readonly channel?: string
  /** Aborting it cancels the task; the reason travels as text. */
  readonly signal?: AbortSignal
  /** 0 (last) to 9 (first). */
  readonly priority?: IfCapable<C['priority'], number>
  /** How long it stays invisible to workers at first. @default 0 */
  readonly delayMs?: IfCapable<C['delay'], number>
  readonly deadlineMs?: number
  readonly ttlMs?: number
  readonly attempts?: number
  /** Accept it though no worker is there now; otherwise it fails with `ERR_AETHER_WORKERS_NONE` where the transport can know. @default false */
  readonly waitForWorkers?: boolean
  /** Small strings that travel beside the body: `ctx.headers`. */
  readonly headers?: Readonly<Record<string, string>>
  /** `latest` forgets what was not read in time; `all` keeps up to `progressLimit`, then drops the oldest. @default 'latest' */
  readonly progress?: 'latest' | 'all'
  /** @default 1_000 */
  readonly progressLimit?: number
  /** Called with each status, without being waited for. What it throws is logged. */
  readonly onStatus?: (status: RunStatus<P>) => void
  /** Called once, when the task has ended. What it throws is logged. */
  readonly onSettled?: (settlement: Settlement) => void
}

/** Options of `attach`. */
export interface AttachOptions<P = unknown> extends Pick<
  PerformOptions<Capabilities, P>,
  'context' | 'channel' | 'signal' | 'deadlineMs' | 'progress' | 'progressLimit' | 'onStatus' | 'onSettled'
> {}
