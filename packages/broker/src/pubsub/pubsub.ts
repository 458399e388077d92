import { isFilter, isTopic } from '@aether/engine'
import { FrameCursor, readName, TextMemo } from '@aether/wire'
import type { Commands } from '../connection/commands.ts'
import type { Connection } from '../connection/connection.ts'
import { invalidTopic } from '../errors.ts'
import type { Forwarding } from './forwarding.ts'
import type { Interest } from './interest.ts'
import type { Topic, Topics } from './topics.ts'

/** What a connection has subscribed to, and the topics whose ids it knows. */
export interface PubsubState {
  readonly filters: Set<string>
  readonly topics: Set<Topic>
}

export interface PubsubHost {
  readonly commands: Commands
  readonly topics: Topics
  readonly interest: Interest
  readonly forwarding: Forwarding
}

/** The frames of pub/sub, but for PUBLISH itself, which `Forwarding` takes straight. */
export class Pubsub {
  readonly #host: PubsubHost
  readonly #maxSubscriptions: number
  readonly #cursor = new FrameCursor()
  readonly #memo = new TextMemo()
  #checked: string | undefined

  constructor(host: PubsubHost, options: { readonly maxSubscriptions: number }) {
    this.#host = host
    this.#maxSubscriptions = options.maxSubscriptions
  }

  publishNamed(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const topic = this.#cursor.reset(bytes, start, end).memo16(this.#memo)
    // Until it has an id, a topic comes again and again: the check costs more than all else.
    if (topic !== this.#checked) {
      if (!isOpen(topic) || !isTopic(topic)) throw invalidTopic(topic)
      this.#checked = topic
    }
    this.#host.forwarding.publishNamed(from, topic, bytes, start, end)
  }

  /** SUBSCRIBE, a command; the same filter twice is one subscription. */
  subscribe(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const filter = readName(this.#cursor.reset(bytes, start, end))
    const { commands, interest } = this.#host
    if (!isOpen(filter) || !isFilter(filter)) return commands.refuse(from, invalidTopic(filter))
    from.pubsub ??= { filters: new Set(), topics: new Set() }
    const { filters } = from.pubsub
    if (filters.has(filter)) return
    if (filters.size >= this.#maxSubscriptions) {
      return commands.refuse(from, {
        code: 'ERR_AETHER_QUEUE_FULL',
        message: `More than ${this.#maxSubscriptions} subscriptions on one connection: use wildcards, or another connection.`,
      })
    }
    filters.add(filter)
    interest.add(filter, from)
  }

  /** UNSUBSCRIBE, a command */
  unsubscribe(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const filter = readName(this.#cursor.reset(bytes, start, end))
    if (from.pubsub?.filters.delete(filter) === true) this.#host.interest.remove(filter, from)
  }

  topicRequest(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const topic = readName(this.#cursor.reset(bytes, start, end))
    if (!isOpen(topic) || !isTopic(topic)) throw invalidTopic(topic)
    this.#host.topics.request(topic, from)
  }

  /** A connection has ended. */
  forget(connection: Connection): void {
    const state = connection.pubsub
    if (state === undefined) return
    this.#host.topics.forget(connection)
    for (const filter of state.filters) this.#host.interest.remove(filter, connection)
    connection.pubsub = undefined
  }
}

/** Names that begin with `$` are the broker's own. */
function isOpen(name: string): boolean {
  return !name.startsWith('$')
}
