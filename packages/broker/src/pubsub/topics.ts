import { writeTopic, writeTopicDrop } from '@aether/wire'
import type { Connection } from '../connection/connection.ts'
import type { Interest } from './interest.ts'

/** A topic that may be named by its id. */
export interface Topic {
  readonly id: number
  readonly name: string
  /** Those who asked for the id. While there is one, the id stays. */
  readonly publishers: Set<Connection>
  /** All who were told the id: the publishers, and the subscribers who were sent messages under it. */
  readonly knownBy: Set<Connection>
  /** Who gets its messages, as of that generation of the interest. */
  subscribers: readonly Connection[]
  generation: number
  /** Used since the last sweep. */
  used: boolean
  /** Dropped for everyone; its id still stands in frames that were on their way. */
  retired: boolean
}

/** How long an id without publishers may go unused. */
const SWEEP_MS = 30_000

/** The ids of topics: given out in order and never again, bounded in number, dropped when no publisher needs them. */
export class Topics {
  readonly #byName = new Map<string, Topic>()
  readonly #byId = new Map<number, Topic>()
  readonly #interest: Interest
  readonly #maxTopics: number
  readonly #sweepMs: number
  #lastId = 0
  #sweptAt: number

  constructor(
    interest: Interest,
    maxTopics: number,
    options: { readonly now: number; readonly sweepMs?: number },
  ) {
    this.#interest = interest
    this.#maxTopics = maxTopics
    this.#sweepMs = options.sweepMs ?? SWEEP_MS
    this.#sweptAt = options.now
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: number): Topic | undefined {
    return this.#byId.get(id)
  }

  /** Whether the id was given out at some time, though it may be gone by now. */
  wasGiven(id: number): boolean {
    return id > 0 && id <= this.#lastId
  }

  /** Gives `publisher` the id of a topic. Without an answer when there are too many: the publisher goes on by name. */
  request(name: string, publisher: Connection): void {
    let topic = this.#byName.get(name)
    if (topic === undefined) {
      if (this.#byId.size >= this.#maxTopics || this.#lastId === 0xffff_ffff) return
      topic = this.#create(name)
    }
    topic.publishers.add(publisher)
    this.tell(topic, publisher)
  }

  /** Tells `connection` the id, unless it knows it. */
  tell(topic: Topic, connection: Connection): void {
    if (topic.knownBy.has(connection)) return
    topic.knownBy.add(connection)
    if (connection.pubsub === undefined) connection.pubsub = { filters: new Set(), topics: new Set() }
    connection.pubsub.topics.add(topic)
    writeTopic(connection.out, topic.id, topic.name)
    connection.touch()
  }

  /** Who gets the messages of a topic; each of them knows its id from then on. */
  subscribers(topic: Topic): readonly Connection[] {
    topic.used = true
    if (topic.generation === this.#interest.generation) return topic.subscribers
    topic.generation = this.#interest.generation
    topic.subscribers = this.#interest.match(topic.name)
    if (!topic.retired) for (const connection of topic.subscribers) this.tell(topic, connection)
    return topic.subscribers
  }

  /** A connection has ended. */
  forget(connection: Connection): void {
    const topics = connection.pubsub?.topics
    if (topics === undefined) return
    for (const topic of topics) {
      topic.publishers.delete(connection)
      topic.knownBy.delete(connection)
    }
    topics.clear()
  }

  nextDueAt(): number {
    return this.#byId.size === 0 ? Infinity : this.#sweptAt + this.#sweepMs
  }

  /** Drops ids without publishers that nobody used since the last time; when they run short, those with publishers too. */
  run(now: number): void {
    this.#sweptAt = now
    const isShort = this.#byId.size > this.#maxTopics * 0.75
    for (const topic of this.#byId.values()) {
      if (topic.retired) this.#byId.delete(topic.id)
      else if (!topic.used && (isShort || topic.publishers.size === 0)) this.#retire(topic)
      topic.used = false
    }
  }

  #create(name: string): Topic {
    this.#lastId++
    const topic: Topic = {
      id: this.#lastId,
      name,
      publishers: new Set(),
      knownBy: new Set(),
      subscribers: [],
      generation: 0,
      used: true,
      retired: false,
    }
    this.#byName.set(name, topic)
    this.#byId.set(topic.id, topic)
    return topic
  }

  #retire(topic: Topic): void {
    topic.retired = true
    this.#byName.delete(topic.name)
    for (const connection of topic.knownBy) {
      writeTopicDrop(connection.out, topic.id)
      connection.touch()
      connection.pubsub?.topics.delete(topic)
    }
    topic.knownBy.clear()
    topic.publishers.clear()
  }
}
