import { closedError } from '../connection/connection-errors.ts'
import type { Connection } from '../connection/connection.ts'
import { isOver } from '../connection/connection-state.ts'
import { WireError } from '../errors.ts'
import {
  namedHeadersAt,
  payloadAt,
  PUBLISH_HEADERS,
  publishTopicId,
  writeSubscribe,
  writeUnsubscribe,
} from '../frames/pubsub.ts'
import { Message } from './message.ts'
import { confirmedOrResumed, PromiseWaiter } from '../connection/promise-waiter.ts'
import { LocalSubscription, type SubscribeOptions, type Subscription } from './subscription.ts'
import { TextMemo } from '../frames/text.ts'
import { checkFilter, matchesTopic } from './topic.ts'

const MAX_NAMED = 4_096
const MAX_IDS = 1_000_000

/** A topic seen, with the subscriptions it goes to: right as long as `generation` is. */
interface Target {
  readonly topic: string
  subscriptions: readonly LocalSubscription[]
  generation: number
}

/** The receiving half of pub/sub: which subscriptions there are, and who gets a message. */
export class Subscriber {
  readonly #connection: Connection
  readonly #onWarning: (error: WireError) => void
  readonly #filters = new Map<string, Set<LocalSubscription>>()
  readonly #byId = new Map<number, Target>()
  readonly #ids = new Map<string, number>()
  readonly #byName = new Map<string, Target>()
  readonly #memo = new TextMemo()
  #generation = 1
  #lastId = 0
  #last: Target = { topic: '', subscriptions: [], generation: 0 }

  constructor(connection: Connection, onWarning: (error: WireError) => void) {
    this.#connection = connection
    this.#onWarning = onWarning
  }

  /** The id that the broker gave for a topic, or 0. */
  idOf(topic: string): number {
    return this.#ids.get(topic) ?? 0
  }

  /** The topic of an id that the broker gave. */
  topicOf(topicId: number): string {
    return this.#targetOf(topicId).topic
  }

  async subscribe(filter: string, options: SubscribeOptions): Promise<Subscription> {
    checkFilter(filter)
    const subscription = new LocalSubscription(filter, options, (left) => this.#leave(left))
    while (!this.#connection.ready) await this.#connection.whenReady()
    const others = this.#filters.get(filter)
    if (others === undefined) this.#filters.set(filter, new Set([subscription]))
    else others.add(subscription)
    this.#generation++
    try {
      // Said again for a second subscription too: its confirmation is what the caller waits for.
      const waiter = new PromiseWaiter()
      writeSubscribe(this.#connection.writer, filter)
      this.#connection.sent(waiter)
      await confirmedOrResumed(this.#connection, waiter)
    } catch (error) {
      subscription.end()
      this.#remove(subscription)
      throw error
    }
    return subscription
  }

  async unsubscribe(filter: string): Promise<void> {
    const subscriptions = this.#filters.get(filter)
    if (subscriptions !== undefined)
      await Promise.all(Array.from(subscriptions, (subscription) => subscription.close()))
  }

  onPublish(bytes: Uint8Array, start: number, end: number): void {
    const id = publishTopicId(bytes, start, end)
    const target = id === this.#lastId ? this.#last : this.#targetOf(id)
    this.#dispatch(target, bytes, start + PUBLISH_HEADERS, end)
  }

  onPublishNamed(bytes: Uint8Array, start: number, end: number): void {
    const headersAt = namedHeadersAt(bytes, start, end)
    const topic = this.#memo.read(bytes, start + 2, headersAt)
    let target = this.#byName.get(topic)
    if (target === undefined) {
      if (this.#byName.size >= MAX_NAMED) this.#byName.clear()
      target = { topic, subscriptions: [], generation: 0 }
      this.#byName.set(topic, target)
    }
    this.#dispatch(target, bytes, headersAt, end)
  }

  onTopic(topicId: number, topic: string): void {
    if (this.#byId.size >= MAX_IDS)
      throw new WireError('ERR_AETHER_FRAME_INVALID', `More than ${MAX_IDS} topic ids.`)
    this.#ids.set(topic, topicId)
    this.#byId.set(topicId, { topic, subscriptions: [], generation: 0 })
  }

  /** Returns the topic whose id it was. */
  onTopicDrop(topicId: number): string | undefined {
    const topic = this.#byId.get(topicId)?.topic
    this.#byId.delete(topicId)
    if (topic !== undefined) this.#ids.delete(topic)
    this.#lastId = 0
    return topic
  }

  onReady(): void {
    for (const filter of this.#filters.keys()) {
      writeSubscribe(this.#connection.writer, filter)
      this.#connection.sent({
        confirmed: () => {},
        refused: (error) => {
          if (error.code !== 'ERR_AETHER_TRANSPORT_LOST') this.#onWarning(error)
        },
      })
    }
  }

  onLost(): void {
    this.#byId.clear()
    this.#ids.clear()
    this.#lastId = 0
    const state = this.#connection.state
    if (!isOver(state)) return
    for (const subscriptions of this.#filters.values()) {
      for (const subscription of subscriptions)
        subscription.end(state.status === 'failed' ? state.error : undefined)
    }
    this.#filters.clear()
  }

  #dispatch(target: Target, bytes: Uint8Array, headersAt: number, end: number): void {
    const at = payloadAt(bytes, headersAt, end)
    if (target.generation !== this.#generation) this.#refresh(target)
    const subscriptions = target.subscriptions
    for (let index = 0; index < subscriptions.length; index++) {
      const subscription = subscriptions[index]!
      // Closed by the callback before it.
      if (subscription.ended) continue
      const message = new Message(target.topic, bytes, headersAt, at, end)
      if (subscription.onMessage === undefined) subscription.push(message)
      else this.#call(subscription.onMessage, message)
    }
  }

  /** A callback that throws is the application's fault and must not look like the broker's. */
  #call(onMessage: (message: Message) => void, message: Message): void {
    try {
      onMessage(message)
    } catch (cause) {
      this.#onWarning(
        new WireError('ERR_AETHER_TASK_FAILED', `onMessage threw for a message on ${message.topic}.`, {
          cause,
        }),
      )
    }
  }

  #refresh(target: Target): void {
    const matching: LocalSubscription[] = []
    for (const [filter, subscriptions] of this.#filters) {
      if (matchesTopic(filter, target.topic)) matching.push(...subscriptions)
    }
    target.subscriptions = matching
    target.generation = this.#generation
  }

  #targetOf(topicId: number): Target {
    const target = this.#byId.get(topicId)
    if (target === undefined)
      throw new WireError('ERR_AETHER_FRAME_INVALID', `Topic id ${topicId} was not given by the broker.`)
    this.#lastId = topicId
    this.#last = target
    return target
  }

  #remove(subscription: LocalSubscription): boolean {
    const others = this.#filters.get(subscription.filter)
    if (others === undefined || !others.delete(subscription)) return false
    this.#generation++
    if (others.size > 0) return false
    this.#filters.delete(subscription.filter)
    return true
  }

  async #leave(subscription: LocalSubscription): Promise<void> {
    if (!this.#remove(subscription) || !this.#connection.ready) return
    const waiter = new PromiseWaiter()
    writeUnsubscribe(this.#connection.writer, subscription.filter)
    this.#connection.sent(waiter)
    // A connection that ends has forgotten the subscription too.
    await waiter.promise.catch((error: WireError) => {
      if (error.code !== 'ERR_AETHER_TRANSPORT_LOST' && error.code !== closedError().code) throw error
    })
  }
}
