import type { EngineStats } from '@aether/engine'

/** Counters since the start, and what is there now. */
export interface BrokerStats {
  readonly uptimeMs: number
  readonly connections: number
  /** Connections ever accepted, and those of them turned away at the limit. */
  readonly accepted: number
  readonly turnedAway: number
  /** Connections ended for breaking the protocol, for silence, and for not reading what they asked for. */
  readonly broken: number
  readonly lost: number
  readonly overrun: number
  readonly subscriptions: number
  /** Topics that have an id. */
  readonly topics: number
  /** Messages that came, and messages that were passed on: one for each connection that got it. */
  readonly published: number
  readonly delivered: number
  /** Messages that slow subscribers missed. */
  readonly dropped: number
  readonly requests: number
  readonly requestsPending: number
  readonly requestsTimedOut: number
  readonly commandsRefused: number
  /** The task queues, with the ledger. */
  readonly tasks: EngineStats
}
