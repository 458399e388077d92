import { closedError } from '../connection/connection-errors.ts'
import type { Connection } from '../connection/connection.ts'
import { isOver } from '../connection/connection-state.ts'
import { WireError } from '../errors.ts'
import { FrameWriter } from '../frames/frame-writer.ts'
import { writePublish, writePublishNamed, writeTopicRequest } from '../frames/pubsub.ts'
import type { HeadersInput } from '../frames/headers.ts'
import type { ResolvedOptions } from '../options.ts'
import { checkRequestTopic, checkTopic } from './topic.ts'

/** After so many messages on a topic, an id for it is asked for. */
const ASK_AFTER = 3
/** Topics remembered; past it all are forgotten, and asked for again where they go on. */
const MAX_TOPICS = 4_096

interface KnownTopic {
  readonly topic: string
  /** 0: none yet. */
  id: number
  published: number
}

/** The sending half of pub/sub: topics and their ids, and what is held while there is no connection. */
export class Publisher {
  readonly #connection: Connection
  readonly #options: ResolvedOptions
  readonly #knownId: (topic: string) => number
  readonly #topics = new Map<string, KnownTopic>()
  readonly #offline = new FrameWriter()
  #last: KnownTopic | undefined

  /** `knownId` tells the id of a topic that the broker gave for a subscription, or 0. */
  constructor(connection: Connection, options: ResolvedOptions, knownId: (topic: string) => number) {
    this.#knownId = knownId
    this.#connection = connection
    this.#options = options
  }

  publish(topic: string, payload: Uint8Array, headers: HeadersInput): boolean {
    const last = this.#last
    const known = last !== undefined && topic === last.topic ? last : this.#know(topic)
    const connection = this.#connection
    if (headers !== undefined || payload.length > connection.maxPayloadBytes) {
      connection.checkSize(6 + 3 * topic.length, headers, payload.length)
    }
    if (!connection.ready) return this.#hold(topic, payload, headers)
    const writer = connection.writer
    if (known.id !== 0) writePublish(writer, known.id, headers, payload)
    else {
      writePublishNamed(writer, topic, headers, payload)
      if (++known.published === ASK_AFTER) writeTopicRequest(writer, topic)
    }
    connection.wrote()
    return !connection.blocked || this.#hasRoom()
  }

  /** Resolves when `publish` has room again; where much is held for a connection, at the next one. `ERR_AETHER_CONNECT_TIMEOUT`. */
  async drained(): Promise<void> {
    while (!this.#connection.ready && this.#offline.pendingBytes >= this.#options.highWaterBytes)
      await this.#connection.whenReady()
    return this.#connection.drained()
  }

  /** The id of a topic for a REQUEST; 0 where there is none. */
  idOf(topic: string): number {
    if (topic.startsWith('$')) {
      checkRequestTopic(topic)
      return 0
    }
    const last = this.#last
    const known = last !== undefined && topic === last.topic ? last : this.#know(topic)
    if (known.id === 0 && ++known.published === ASK_AFTER) {
      writeTopicRequest(this.#connection.writer, topic)
      this.#connection.wrote()
    }
    return known.id
  }

  onTopic(topicId: number, topic: string): void {
    const known = this.#topics.get(topic)
    if (known !== undefined) known.id = topicId
  }

  onTopicDrop(topic: string): void {
    const known = this.#topics.get(topic)
    if (known === undefined) return
    known.id = 0
    known.published = 0
  }

  /** Sends what was held, after the subscriptions have been made again. */
  onReady(): void {
    const held = this.#offline.take()
    this.#offline.reset()
    if (held.length === 0) return
    for (const chunk of held) this.#connection.writer.append(chunk)
    // Perhaps nothing else is said on this connection.
    this.#connection.wrote()
  }

  onLost(): void {
    this.#topics.clear()
    this.#last = undefined
    if (isOver(this.#connection.state)) this.#offline.reset()
  }

  #know(topic: string): KnownTopic {
    let known = this.#topics.get(topic)
    if (known === undefined) {
      checkTopic(topic)
      if (this.#topics.size >= MAX_TOPICS) this.#topics.clear()
      known = { topic, id: this.#knownId(topic), published: 0 }
      this.#topics.set(topic, known)
    }
    this.#last = known
    return known
  }

  #hold(topic: string, payload: Uint8Array, headers: HeadersInput): boolean {
    const state = this.#connection.state
    if (state.status === 'failed') throw state.error
    if (isOver(state)) throw closedError()
    if (this.#offline.pendingBytes + payload.length > this.#options.maxOutboundBytes) throw this.#full()
    writePublishNamed(this.#offline, topic, headers, payload)
    return this.#offline.pendingBytes < this.#options.highWaterBytes
  }

  /** While the stream is blocked: whether to go on all the same. Throws when too much waits already. */
  #hasRoom(): boolean {
    this.#connection.checkRoom()
    return this.#connection.writer.pendingBytes < this.#options.highWaterBytes
  }

  #full(): WireError {
    return new WireError(
      'ERR_AETHER_QUEUE_FULL',
      `More than ${this.#options.maxOutboundBytes} bytes wait to be sent.`,
      { retryable: true },
    )
  }
}
