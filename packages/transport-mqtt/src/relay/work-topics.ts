import {
  type Consumer,
  type Offer,
  parseTopic,
  type Route,
  type RouteCache,
  sharedTopic,
  taskFromParcel,
  type TaskMessage,
} from '@aether/core'
import type { Subscription } from '../link/subscriptions.ts'
import { fromPayload } from './payload.ts'
import type { WorkLink } from './work-links.ts'

export type TaskHandler = (task: TaskMessage, offer: Offer) => void

/** The consumers of this instance that share one subscription. */
interface Team {
  readonly workgroup: string
  readonly handlers: TaskHandler[]
  /** Whose turn it is. */
  next: number
}

interface WorkTopic {
  readonly team: Team
  readonly subscription: Promise<Subscription>
}

export interface WorkTopicsOptions {
  readonly routes: RouteCache
  readonly qos: 0 | 1
  /** The link that carries a subscription of a workgroup. */
  readonly linkFor: (workgroup: string) => Promise<WorkLink>
  readonly onIgnored: (topic: string, error: unknown) => void
}

/** What a peer that tells no deadline gets: AetherMagic knows none. */
const foreignDeadlineMs = 300_000
const foreignAttempts = 3

/** The shared subscriptions of this instance: one of each route and workgroup, however many consumers it has here. */
export class WorkTopics {
  readonly #options: WorkTopicsOptions
  readonly #topics = new Map<string, WorkTopic>()

  constructor(options: WorkTopicsOptions) {
    this.#options = options
  }

  async join(route: Route, workgroup: string, handler: TaskHandler): Promise<Consumer> {
    const filter = sharedTopic(route, workgroup)
    const known = this.#topics.get(filter)
    const topic = known ?? this.#open(filter, workgroup)
    topic.team.handlers.push(handler)
    let isOpen = true
    try {
      await topic.subscription
    } catch (error) {
      if (this.#topics.get(filter) === topic) this.#topics.delete(filter)
      throw error
    }
    return {
      close: async () => {
        if (!isOpen) return
        isOpen = false
        await this.#leave(filter, topic, handler)
      },
    }
  }

  #open(filter: string, workgroup: string): WorkTopic {
    const team: Team = { workgroup, handlers: [], next: 0 }
    const topic = { team, subscription: this.#subscribe(filter, team) }
    this.#topics.set(filter, topic)
    return topic
  }

  async #subscribe(filter: string, team: Team): Promise<Subscription> {
    const { linkFor, qos } = this.#options
    const { link, leave } = await linkFor(team.workgroup)
    try {
      const subscription = await link.subscribe({ filter, qos }, (topic, payload) =>
        this.#hear(team, topic, payload),
      )
      return { close: () => subscription.close().then(leave) }
    } catch (error) {
      await leave()
      throw error
    }
  }

  async #leave(filter: string, topic: WorkTopic, handler: TaskHandler): Promise<void> {
    const { handlers } = topic.team
    handlers.splice(handlers.indexOf(handler), 1)
    if (handlers.length > 0) return
    if (this.#topics.get(filter) === topic) this.#topics.delete(filter)
    await (await topic.subscription).close()
  }

  #hear(team: Team, name: string, payload: Buffer): void {
    const { routes, onIgnored } = this.#options
    const { workgroup, handlers } = team
    const parsed = parseTopic(name, routes)
    if (parsed?.action !== 'perform') return onIgnored(name, undefined)
    let message: ReturnType<typeof taskFromParcel>
    try {
      const defaults = { workgroup, attempts: foreignAttempts, deadline: Date.now() + foreignDeadlineMs }
      message = taskFromParcel(fromPayload(payload), { route: parsed.route, tid: parsed.tid, defaults })
    } catch (error) {
      return onIgnored(name, error)
    }
    team.next = team.next + 1 >= handlers.length ? 0 : team.next + 1
    handlers[team.next]?.(message.task, message.offer)
  }
}
