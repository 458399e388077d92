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
import { coverOf, overlaps } from './cover.ts'
import { fromPayload } from './payload.ts'

export type EventHandler = (event: AetherEvent) => void

interface Ear {
  readonly filter: EventFilter
  /** One for each action that it hears; by their topic filters. */
  readonly filters: ReadonlyMap<string, EventFilter>
  readonly handler: EventHandler
  /** The transport's own, for which nobody else needs to publish anything. */
  readonly isOwn: boolean
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

/**
 * The plain subscriptions of this instance. Where messages tell which subscription they are for, each filter has its own. Elsewhere filters that overlap
 * would bring messages twice, and nothing tells the copies apart: there they are covered by a few that do not overlap.
 */
export class EventTopics {
  readonly #options: EventTopicsOptions
  readonly #ears = new Set<Ear>()
  /** By topic filter. */
  readonly #subscriptions = new Map<string, Promise<Subscription>>()
  /** The filters that are subscribed to, or about to be. */
  #cover: ReadonlyMap<string, EventFilter> = new Map()

  constructor(options: EventTopicsOptions) {
    this.#options = options
  }

  /** What is listened for here. */
  filters(): readonly EventFilter[] {
    return [...this.#ears].filter(({ isOwn }) => !isOwn).map(({ filter }) => filter)
  }

  async listen(filter: EventFilter, handler: EventHandler, isOwn: boolean = false): Promise<Listener> {
    const wanted = filter.action === undefined || filter.action === '+' ? actions : [filter.action]
    const filters = new Map<string, EventFilter>()
    for (const action of wanted) {
      const one = { ...filter, action }
      filters.set(filterTopic(this.#options.union, one), one)
    }
    const ear: Ear = { filter, filters, handler, isOwn }
    this.#ears.add(ear)
    try {
      await this.#arrange()
      await Promise.all(this.#subscriptionsOf(ear))
    } catch (error) {
      this.#ears.delete(ear)
      await this.#arrange()
      throw error
    }
    let closing: Promise<void> | undefined
    const close = (): Promise<void> => {
      this.#ears.delete(ear)
      return this.#arrange()
    }
    return { close: () => (closing ??= close()) }
  }

  /** Tells those who listen here of what did not come as a message. */
  tell(event: AetherEvent): void {
    for (const { handler, filter } of this.#ears) if (matchesFilter(filter, event)) handler(event)
  }

  get #hasIds(): boolean {
    return this.#options.link.session?.hasSubscriptionIds ?? false
  }

  #subscriptionsOf({ filters }: Ear): Promise<Subscription>[] {
    const names = this.#hasIds
      ? [...filters.keys()]
      : [...this.#cover.entries()].flatMap(([name, cover]) =>
          [...filters.values()].some((filter) => overlaps(filter, cover)) ? [name] : [],
        )
    return names.flatMap((name) => this.#subscriptions.get(name) ?? [])
  }

  /** Subscribes to what is missing and leaves what nobody needs any more; resolves when that is left. */
  async #arrange(): Promise<void> {
    const { union, link, qos } = this.#options
    const all = [...this.#ears].flatMap(({ filters }) => [...filters.values()])
    const wanted = new Map(
      (this.#hasIds ? all : coverOf(all)).map((filter) => [filterTopic(union, filter), filter]),
    )
    this.#cover = wanted
    const leaving: Promise<unknown>[] = []
    for (const [name, subscription] of this.#subscriptions) {
      if (wanted.has(name)) continue
      this.#subscriptions.delete(name)
      leaving.push(subscription.then((made) => made.close()))
    }
    // One after the other in the same turn, so that the broker knows at no time both the old and the new.
    for (const name of wanted.keys()) {
      if (this.#subscriptions.has(name)) continue
      const subscription = link.subscribe({ filter: name, qos }, (topic, payload) =>
        this.#hear(name, topic, payload),
      )
      subscription.catch(() => this.#subscriptions.delete(name))
      this.#subscriptions.set(name, subscription)
    }
    // What could not be made has nothing to leave.
    await Promise.allSettled(leaving)
  }

  #hear(name: string, topic: string, payload: Buffer): void {
    const { routes, onIgnored } = this.#options
    const parsed = parseTopic(topic, routes)
    if (!parsed) return onIgnored(topic, undefined)
    let event: AetherEvent
    try {
      event = eventFromParcel(fromPayload(payload), { route: parsed.route, tid: parsed.tid })
    } catch (error) {
      return onIgnored(topic, error)
    }
    if (!this.#hasIds) return this.tell(event)
    for (const { handler, filters } of this.#ears) if (filters.has(name)) handler(event)
  }
}
