import type { ErrorShape } from '../errors.ts'
import type {
  AetherEvent,
  CompleteEvent,
  Consumer,
  EventFilter,
  Listener,
  Logger,
  Route,
  StatusEvent,
  TaskMessage,
  TransportState,
  WaitOptions,
} from '../transport.ts'

/** Where a signal to each instance of the union goes, in place of an inbox. */
export const everyone = '*'

/** What travels beside a task each time it is offered to workers. */
export interface Offer {
  /** The fence: of two attempts of one task only the newer one's completion counts. */
  readonly attempt: number
  /** Inbox of the caller, where the worker answers; absent for peers that know no inbox, which hear events by topic. */
  readonly replyTo?: string
  /** Only workers of this workgroup take it: the others have theirs already. */
  readonly only?: string
  /** How often the task was offered, this time included; absent the first time. Above 1 a worker says `accept` before it begins. */
  readonly sends?: number
}

/** From worker to caller. */
export type WorkerSignalKind =
  | 'accept'
  | 'hold'
  | 'busy'
  | 'renew'
  | 'status'
  | 'complete'
  | 'release'
  | 'cancelled'
/** From caller to worker. */
export type CallerSignalKind = 'renewed' | 'confirm' | 'revoke'
/** Between instances of which neither works on the task. */
export type QuerySignalKind = 'attach' | 'attached' | 'settled' | 'cancel' | 'stopped' | 'over'
export type SignalKind = WorkerSignalKind | CallerSignalKind | QuerySignalKind

/** What instances tell each other about one task: small, idempotent, and safe to lose, repeat or reorder. */
export interface Signal {
  readonly kind: SignalKind
  readonly route: Route
  readonly tid: string
  readonly workgroup: string
  /** 0 where a peer knows no attempts: then it means the current one. */
  readonly attempt: number
  /** Inbox of the sender; absent for peers that know none. */
  readonly from?: string
  /** `accept`, `hold`, `renew`, `status`: how long the worker holds the task from now. */
  readonly leaseMs?: number
  /** `renew` and `hold`: which one; `renewed` says it again. */
  readonly seq?: number
  /** `release`: how long the task stays invisible. `attached`: milliseconds left to its deadline. */
  readonly delayMs?: number
  /** `release`: whether the attempt counts as failed. */
  readonly failed?: boolean
  /** `complete`: keep the task with the dead letters. */
  readonly deadLetter?: boolean
  /** `release`: what failed. `revoke`: why. `cancel`: the reason, as message. */
  readonly error?: ErrorShape
  /** `status`, `complete`, `settled`, and `attached` when it brings news: the event itself. */
  readonly event?: StatusEvent | CompleteEvent
}

export interface RelayCapabilities {
  /** Each workgroup gets its copy, one member of each. */
  readonly groups: boolean
  /** Of a task's body and all that travels with it. */
  readonly maxPayloadBytes: number
}

export interface RelayHost {
  readonly union: string
  readonly client: string
  readonly host: string
  readonly logger: Logger
  /**
   * Takes what reaches this instance's inbox or `everyone`. A relay that serves peers without an inbox also brings their `status` and `complete` events here,
   * as signals with attempt 0 and no `from`.
   */
  readonly onSignal: (signal: Signal) => void
  /** A relay that can know tells when somebody begins to consume a route (whose levels may be `+`) for a workgroup: what found nobody is offered soon. */
  readonly onServed?: (route: Route, workgroup: string) => void
}

/** `nobody`: the engine knows that no worker is subscribed. `sent`: it is on its way, as far as can be known. */
export type SendOutcome = 'sent' | 'nobody'

/**
 * What a transport whose engine does not redeliver implements; `leased` makes a whole `Transport` of it. Everything may be lost, repeated, delayed or
 * reordered: a relay never resends a task by itself. While disconnected, calls wait for the connection (bounded) or reject; after a reconnection each
 * subscription exists once. `close` leaves nothing behind.
 */
export interface Relay<C extends RelayCapabilities = RelayCapabilities> {
  readonly name: string
  readonly capabilities: C
  readonly state: TransportState
  states(options?: WaitOptions): AsyncIterable<TransportState>
  /** Whether nothing reaches the inbox now. Absent: whenever the state is not `ready`. */
  readonly isCutOff?: boolean
  /** Connects, with its inbox and `everyone` subscribed; resolves when ready. */
  start(host: RelayHost, options?: WaitOptions): Promise<void>
  /** Address of this instance, unlike any other in the union; valid once started. */
  readonly inbox: string
  /** Publishes a task once: one member of each workgroup subscribed to its route gets it. */
  send(task: TaskMessage, offer: Offer, options?: WaitOptions): Promise<SendOutcome>
  /** Joins the workgroup's shared subscription of the route, whose context may be `+`. */
  consume(
    route: Route,
    options: { readonly workgroup: string },
    handler: (task: TaskMessage, offer: Offer) => void,
  ): Promise<Consumer>
  /** Sends a signal to one inbox, or to `everyone`. */
  signal(to: string, signal: Signal): Promise<void>
  /** Whether anybody may be listening for such an event; where nobody is, the lease layer announces nothing. Absent: perhaps. */
  isHeard?(event: AetherEvent): boolean
  /** Sends an event to everyone who listens. */
  publish(event: AetherEvent, options?: WaitOptions): Promise<void>
  listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener>
  close(options?: WaitOptions): Promise<void>
}
