import {
  type AetherEvent,
  type EventAction,
  type EventFilter,
  eventFromParcel,
  filterTopic,
  type Listener,
  matchesFilter,
  parseTopic,
  type RouteCache,
} from '@aether/core'
import type { MqttLink } from '../link/mqtt-link.ts'
import type { Subscription } from '../link/subscriptions.ts'
import { fromPayload } from './payload.ts'

export type EventHandler = (event: AetherEvent) => void

interface EventTopic {
  readonly handlers: Set<EventHandler>
  readonly subscription: Promise<Subscription>
}

export interface EventTopicsOptions {
  readonly union: string
  readonly routes: RouteCache
  readonly qos: 0 | 1
  readonly link: MqttLink
  readonly onIgnored: (topic: string, error: unknown) => void
}

/** Never `perform`: a plain subscription that overlaps a shared one would bring tasks that are others'. */
const actions: readonly EventAction[] = ['status', 'complete', 'cancel', 'idle', 'online', 'dismiss']

/** The plain subscriptions of this instance: one of each filter and action, however many listen. */
export class EventTopics {
  readonly #options: EventTopicsOptions
  readonly #topics = new Map<string, EventTopic>()
  readonly #listeners = new Map<EventHandler, EventFilter>()

  constructor(options: EventTopicsOptions) {
    this.#options = options
  }

  /** What is listened for here. */
  filters(): readonly EventFilter[] {
    return [...this.#listeners.values()]
  }

  /** With `isOwn` it is the transport's own ear, for which nobody else needs to publish anything. */
  async listen(filter: EventFilter, handler: EventHandler, isOwn: boolean = false): Promise<Listener> {
    // One handler may listen twice; each time counts.
    const heard: EventHandler = (event) => handler(event)
    const wanted = filter.action === undefined || filter.action === '+' ? actions : [filter.action]
    const joined = wanted.map((action) => this.#join({ ...filter, action }, heard))
    if (!isOwn) this.#listeners.set(heard, filter)
    const leave = async (): Promise<void> => {
      this.#listeners.delete(heard)
      await Promise.all(joined.map((name) => this.#leave(name, heard)))
    }
    try {
      await Promise.all(joined.map((name) => this.#topics.get(name)?.subscription))
    } catch (error) {
      await leave().catch(() => undefined)
      throw error
    }
    let closing: Promise<void> | undefined
    return { close: () => (closing ??= leave()) }
  }

  /** Tells those who listen here of what did not come as a message. */
  tell(event: AetherEvent): void {
    for (const [handler, filter] of this.#listeners) if (matchesFilter(filter, event)) handler(event)
  }

  #join(filter: EventFilter, handler: EventHandler): string {
    const name = filterTopic(this.#options.union, filter)
    let topic = this.#topics.get(name)
    if (!topic) {
      const handlers = new Set<EventHandler>()
      const { link, qos } = this.#options
      const hear = (from: string, payload: Buffer): void => this.#hear(handlers, from, payload)
      topic = { handlers, subscription: link.subscribe({ filter: name, qos }, hear) }
      topic.subscription.catch(() => undefined)
      this.#topics.set(name, topic)
    }
    topic.handlers.add(handler)
    return name
  }

  async #leave(name: string, handler: EventHandler): Promise<void> {
    const topic = this.#topics.get(name)
    topic?.handlers.delete(handler)
    if (!topic || topic.handlers.size > 0) return
    this.#topics.delete(name)
    await (await topic.subscription).close()
  }

  #hear(handlers: ReadonlySet<EventHandler>, name: string, payload: Buffer): void {
    const { routes, onIgnored } = this.#options
    const parsed = parseTopic(name, routes)
    if (!parsed) return onIgnored(name, undefined)
    let event: AetherEvent
    try {
      event = eventFromParcel(fromPayload(payload), { route: parsed.route, tid: parsed.tid })
    } catch (error) {
      return onIgnored(name, error)
    }
    for (const handler of handlers) handler(event)
  }
}
