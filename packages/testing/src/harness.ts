import type { Capabilities, Transport } from '@aether/core'

import type { RecordEntry } from './history/history.ts'

/** What a suite asks of the engine when it opens an environment; what is left out is the engine's own default. */
export interface EnvironmentOptions {
  /** Waiting tasks that a queue holds; one more is refused with `ERR_AETHER_QUEUE_FULL`. */
  readonly maxQueued?: number
  /** How long a finished task is remembered, in milliseconds. */
  readonly resultTtlMs?: number
  /** How long a workgroup without a consumer still counts as subscribed, in milliseconds. */
  readonly groupTtlMs?: number
}

/** What a suite asks of one transport; what is left out is the transport's own default. */
export interface TransportOverrides {
  /** Calls that may wait for a connection; one more is refused with `ERR_AETHER_QUEUE_FULL`. */
  readonly maxPending?: number
  /** How long a call may wait for a connection, in milliseconds. */
  readonly connectTimeoutMs?: number
}

/**
 * Faults that an environment can inject: declared, never sniffed.
 * - `link`: `Environment.link` cuts and heals the connection of one transport;
 * - `link-stall`: it can also stall it and slow it down;
 * - `engine-freeze`: `Environment.engine.freeze` and `thaw` stop the engine's process and let it go on;
 * - `engine-restart`: `Environment.engine.kill` and `restart` lose the process of the engine and start another in its place;
 * - `worker-kill`, `worker-freeze`, `worker-cut`: `Environment.spawnWorker` gives workers that can suffer it.
 */
export type Fault =
  | 'link'
  | 'link-stall'
  | 'engine-freeze'
  | 'engine-restart'
  | 'worker-kill'
  | 'worker-freeze'
  | 'worker-cut'

/** The engine as a process (or its equivalent inside this one). Each call resolves when the fault is in force. */
export interface EngineControl {
  /** SIGKILL: connections end, whatever was not stored is gone. */
  kill(): Promise<void>
  /** Starts another engine at the same address, over the same store where there is one. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open, nothing is read or written. */
  freeze(): Promise<void>
  /** SIGCONT. */
  thaw(): Promise<void>
}

/** The connection of one transport. */
export interface Link {
  /** Ends the connection now and refuses new ones until `heal`. */
  cut(): Promise<void>
  heal(): Promise<void>
  /** With `link-stall`: the connection stays open and carries nothing in either direction until `heal` (half-open, as after a pulled cable). */
  stall?(): Promise<void>
  /** With `link-stall`: holds back what is carried by `delayMs`; 0 ends it. */
  delay?(delayMs: number): Promise<void>
}

/** A worker of the known workload, for the nemeses: see `workload.ts` for its tasks. */
export interface WorkerSpec {
  readonly name: string
  readonly union: string
  readonly workgroup: string
  readonly concurrency: number
  readonly leaseMs: number
}

export interface WorkerExit {
  readonly code: number | null
  readonly signal: string | null
}

/** A running worker. A method whose fault is not declared rejects. */
export interface WorkerHandle {
  readonly name: string
  /** Of its process; undefined where it has none of its own. */
  readonly pid?: number | undefined
  /** SIGKILL: it says nothing more to anyone. */
  kill(): Promise<void>
  /** SIGSTOP: it keeps its connection and does nothing. */
  freeze(): Promise<void>
  /** SIGCONT. */
  thaw(): Promise<void>
  /** Its connection ends, and it cannot open another until `heal`. */
  cut(): Promise<void>
  heal(): Promise<void>
  /** Drains and ends; resolves when it has. */
  stop(): Promise<void>
  /** Resolves when it has ended, for whatever reason. */
  readonly exited: Promise<WorkerExit>
}

/** One engine and whatever connects to it, made anew for each case and closed after it. */
export interface Environment<C extends Capabilities = Capabilities> {
  /** A new transport, not started, to this environment's engine. The case closes it; `close` closes what is left. */
  transport(overrides?: TransportOverrides): Transport<C>
  /** With `engine-freeze` or `engine-restart`. */
  readonly engine?: EngineControl
  /** With `link`. */
  link?(transport: Transport): Link
  /** Tids of the dead letters that the engine keeps, where the environment can look at them; then the suite does. */
  deadLetters?(): Promise<readonly string[]>
  /** With `worker-*`. `record` takes what the worker saw, as it happens. */
  spawnWorker?(spec: WorkerSpec, record: (entry: RecordEntry) => void): Promise<WorkerHandle>
  /** Closes everything that this environment opened. Idempotent. */
  close(): Promise<void>
}

/** What an author of a transport hands to `testTransport`. */
export interface ConformanceOptions<C extends Capabilities = Capabilities> {
  /** Names the run and its report: `memory`, `tcp`. */
  readonly name: string
  /** The constant that the transport declares; the suite runs it and asserts that the rest is refused. */
  readonly capabilities: C
  create(options: EnvironmentOptions): Promise<Environment<C>>
  /** @default [] */
  readonly faults?: readonly Fault[]
  /** Folder of `capabilities-<name>.json`, which says what ran; relative to the working directory. @default '.reports' */
  readonly reportFolder?: string
  /** Seeds every schedule of faults; printed with a failure. @default 1 */
  readonly seed?: number
}
