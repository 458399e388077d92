import type { AetherError, ErrorShape } from './errors.ts'

/** The address of a kind of work. Names hold no `/ + # *`, spaces or control characters. */
export interface Route {
  readonly union: string
  readonly job: string
  readonly task: string
  /** A free label; in what `consume` takes, `+` stands for any. */
  readonly context: string
}

/** How the bytes of a body were made: see `codec.ts`. */
export type CodecName = 'json' | 'msgpack' | 'raw'

/** One task on its way to the workers. `body` is opaque to every transport. */
export interface TaskMessage {
  readonly route: Route
  /** Id of the task within its union, and its idempotency key. */
  readonly tid: string
  /** The workgroup whose completion answers the caller; other subscribed workgroups observe. */
  readonly workgroup: string
  readonly body: Uint8Array
  readonly codec: CodecName
  /** How often it may fail or lose its lease before it is dead-lettered; 1 or more. */
  readonly attempts: number
  /** When it ends as `expired`, running or not: epoch milliseconds of the sender's clock. */
  readonly deadline: number
  /** How long it may wait in a queue before it ends as `expired`; 0 means as long as its deadline. */
  readonly ttlMs: number
  /** How long it stays invisible to workers at first. */
  readonly delayMs: number
  /** 0 (last) to 9 (first). */
  readonly priority: number
  /** Accept it though its workgroup has no worker now; otherwise `ERR_AETHER_WORKERS_NONE`, where the transport can know. */
  readonly waitForWorkers: boolean
  /** Trace context and whatever else travels beside the body; small strings. */
  readonly headers?: Readonly<Record<string, string>>
  /** Who performs it: the names of the client and of its machine. */
  readonly client: string
  readonly host: string
}

/** What became of a `send`: the engine holds the task. */
export interface Receipt {
  /** The tid was known: the caller was attached to the live or stored run instead of starting another. */
  readonly deduplicated: boolean
}

export type TerminalStatus = 'succeed' | 'failed' | 'cancelled' | 'expired'

interface EventBase {
  readonly route: Route
  readonly tid: string
  /** Who says it: worker or client name, and its machine. */
  readonly client: string
  readonly host: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A worker took the task (`initialized`), or goes on with it (`progress`). */
export interface StatusEvent extends EventBase {
  readonly action: 'status'
  readonly status: 'initialized' | 'progress'
  /** 0 to 100. */
  readonly progress: number
  /** Grows with each status of one attempt. */
  readonly seq: number
  readonly attempt: number
  readonly workgroup: string
  readonly body?: Uint8Array
  readonly codec: CodecName
}

/** The one terminal event of a task in a workgroup. */
export interface CompleteEvent extends EventBase {
  readonly action: 'complete'
  readonly status: TerminalStatus
  /** The attempt that ended it; 0 when no worker ever had it. */
  readonly attempt: number
  readonly workgroup: string
  readonly body?: Uint8Array
  readonly codec: CodecName
  readonly error?: ErrorShape
}

/** Asks whoever holds the task to stop. */
export interface CancelEvent extends EventBase {
  readonly action: 'cancel'
  readonly reason: string
}

/** A worker's sign of life: `online` with its load, `idle` when it has room again, `dismiss` when it leaves. `tid` is the worker's name. */
export interface PresenceEvent extends EventBase {
  readonly action: 'idle' | 'online' | 'dismiss'
  readonly body: Uint8Array
  readonly codec: CodecName
}

export type AetherEvent = StatusEvent | CompleteEvent | CancelEvent | PresenceEvent
export type EventAction = AetherEvent['action']

/** Which events to hear; what is left out, or `+`, stands for any. */
export interface EventFilter {
  readonly job?: string
  readonly task?: string
  readonly context?: string
  readonly tid?: string
  readonly action?: EventAction | '+'
}

/** One delivery of a task to one worker, under a lease. Settle it once: `ack` or `release`. */
export interface Delivery {
  readonly task: TaskMessage
  /** 1, 2, 3 … of this tid in this workgroup; also the fence of its lease. */
  readonly attempt: number
  /**
   * Takes the one function that is called, at most once, when the lease ends before it is settled. The reason is an `AetherError` with code
   * `ERR_AETHER_LEASE_LOST`, `ERR_AETHER_TASK_CANCELLED` or `ERR_AETHER_DEADLINE_EXCEEDED`. Called at once where that has happened already.
   * (A callback and not an `AbortSignal`: a signal per message costs more than the rest of the delivery; `ctx.signal` makes one when asked.)
   */
  onRevoke(handler: (reason: AetherError) => void): void
  /** Holds the lease for another `leaseMs`; rejects with `ERR_AETHER_LEASE_LOST` when it is gone. */
  renew(): Promise<void>
  /** Sends progress to the caller and to whoever listens; resolves when the transport has accepted it. */
  report(event: StatusEvent): Promise<void>
  /**
   * Ends the task in this workgroup and hands `complete` to its caller, as one step. Rejects with `ERR_AETHER_LEASE_LOST` when the lease is gone:
   * then nothing was sent. `deadLetter` also keeps the task with the dead letters.
   */
  ack(complete: CompleteEvent, options?: { readonly deadLetter?: boolean }): Promise<void>
  /**
   * Gives the task back. `failed` counts against `attempts`: past the last one the transport dead-letters it and completes it as failed with `error`.
   */
  release(options?: ReleaseOptions): Promise<void>
}

export interface ReleaseOptions {
  /** How long it stays invisible before its next attempt. @default 0 */
  readonly delayMs?: number
  /** Whether this attempt counts as failed (a throw) or was merely returned (a shutdown). @default false */
  readonly failed?: boolean
  readonly error?: ErrorShape
}

export interface ConsumeOptions {
  readonly workgroup: string
  /** How many unsettled deliveries this consumer may hold. */
  readonly credit: number
  /** How long a delivery is held without `renew`. */
  readonly leaseMs: number
  /** Consumers of one transport that name the same pool together hold at most `credit` unsettled deliveries. */
  readonly pool?: { readonly id: string; readonly credit: number }
}

export interface Consumer {
  /** Stops new deliveries; those already handed out stay valid until settled. Idempotent. */
  close(): Promise<void>
}

export interface Listener {
  close(): Promise<void>
}

/** What a transport can do: declared, never sniffed, and proven by the conformance suite. */
export interface Capabilities {
  readonly delivery: 'at-most-once' | 'at-least-once'
  /** What was lost is delivered again `native`: by the engine itself; `lease`: by core's lease layer; `none`: by nobody, as with `at-most-once`. */
  readonly redelivery: 'native' | 'lease' | 'none'
  /** Accepted tasks survive a restart of the engine. */
  readonly durable: boolean
  /** Workgroups: each gets its copy, exactly one worker of each works on it. */
  readonly groups: boolean
  readonly delay: boolean
  readonly priority: boolean
  readonly deadLetter: boolean
  /** Results are kept for a time, so that `attach` works from any process. */
  readonly results: boolean
  /** Tasks of equal priority start in the order in which they were accepted, as long as none is redelivered. */
  readonly ordering: boolean
  readonly maxPayloadBytes: number
}

export type TransportState =
  | { readonly status: 'idle' }
  | { readonly status: 'starting' }
  /** The consume path works, not merely a ping. `generation` grows with each new connection. */
  | { readonly status: 'ready'; readonly generation: number }
  | { readonly status: 'reconnecting'; readonly attempt: number; readonly error: AetherError }
  | { readonly status: 'closing' }
  | { readonly status: 'closed' }
  | { readonly status: 'failed'; readonly error: AetherError }

/** Where a library reports: silent by default; an app adapts its own logger in four lines. */
export interface Logger {
  debug(message: string, fields?: object): void
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}

/** What the application hands to its transport at `start`. */
export interface TransportHost {
  readonly union: string
  /** Unique name of this application instance. */
  readonly client: string
  /** Name of this machine. */
  readonly host: string
  /** Receives status and complete events of the tasks that this instance sent or attached to. */
  readonly onEvent: (event: StatusEvent | CompleteEvent) => void
  readonly logger: Logger
}

export interface WaitOptions {
  readonly signal?: AbortSignal
}

/**
 * The contract between core and an engine: work (`send`, `attach`, `cancel`, `consume`), events (`publish`, `listen`) and state.
 *
 * Guarantees asked of every implementation with `redelivery: 'native'`:
 * - `send` resolves once the engine holds the task; after that its caller's `onEvent` sees exactly one `complete` from the named workgroup.
 * - while disconnected, calls wait for the connection (bounded, by the transport's own queue limit and connect deadline); after a reconnection every
 *   consumer and listener exists once, and unsettled tasks of this instance are attached to again or sent again under their tid.
 * - `close` leaves no timer, socket or listener behind; later calls reject with `ERR_AETHER_TRANSPORT_CLOSED`.
 */
export interface Transport<C extends Capabilities = Capabilities> {
  readonly name: string
  readonly capabilities: C
  readonly state: TransportState
  /** Each change of `state`, newest last; ends after `closed` or `failed`. */
  states(options?: WaitOptions): AsyncIterable<TransportState>
  /** Connects and resolves when ready. A transport belongs to one application: a second `start` rejects with `ERR_AETHER_OPTIONS_INVALID`. */
  start(host: TransportHost, options?: WaitOptions): Promise<void>
  send(task: TaskMessage, options?: WaitOptions): Promise<Receipt>
  /** Receives the remaining events of a task that someone performed, or at once its stored completion. `ERR_AETHER_TASK_UNKNOWN`. */
  attach(route: Route, tid: string, options?: WaitOptions): Promise<void>
  /** Ends a queued or running task as cancelled; resolves when that is decided. `ERR_AETHER_TASK_UNKNOWN` when it is unknown or already over. */
  cancel(route: Route, tid: string, reason: string, options?: WaitOptions): Promise<void>
  consume(route: Route, options: ConsumeOptions, handler: (delivery: Delivery) => void): Promise<Consumer>
  /** Sends an event to everyone who listens; at most once, not stored. */
  publish(event: AetherEvent, options?: WaitOptions): Promise<void>
  listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener>
  close(options?: WaitOptions): Promise<void>
}
