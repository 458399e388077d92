import { type AetherEvent, type EventFilter, type Listener, matchesFilter } from '@aether/core'
import type { Subscription } from '../link/redis-link.ts'
import { tooMany } from './ends.ts'
import { type Interest, maxEntries } from './hello-frame.ts'

interface Entry {
  readonly filter: EventFilter
  readonly handler: (event: AetherEvent) => void
  readonly interest: Interest
  subscription: Subscription | undefined
  isClosed: boolean
}

export interface ListenersHost {
  /** The union whose events are heard. */
  readonly union: string
  subscribe(interest: Interest, onMessage: (message: Buffer, channel: string) => void): Promise<Subscription>
  /** Reads a message of events. */
  read(message: Buffer, channel: string): readonly AetherEvent[]
  /** Tells the others what is listened to; resolves when they know. */
  announce(): Promise<void>
  /** A listener's handler threw. */
  threw(error: unknown): void
}

/** Those who listen in this instance, each with the subscription that its filter needs. */
export class Listeners {
  readonly #host: ListenersHost
  readonly #entries = new Set<Entry>()

  constructor(host: ListenersHost) {
    this.#host = host
  }

  /** What all of them together want to hear. */
  get interests(): readonly Interest[] {
    const wanted = new Map<string, Interest>()
    for (const { interest, isClosed } of this.#entries)
      if (!isClosed) wanted.set(`${interest.job}/${interest.task}`, interest)
    return [...wanted.values()]
  }

  /** Resolves when events are heard, by whoever tells them. */
  async open(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    const { job = '+', task = '+' } = filter
    const entry: Entry = {
      filter: { ...filter },
      handler,
      interest: { job, task },
      subscription: undefined,
      isClosed: false,
    }
    if (this.#entries.size >= maxEntries) throw tooMany('listeners', maxEntries)
    this.#entries.add(entry)
    try {
      entry.subscription = await this.#host.subscribe(entry.interest, (message, channel) =>
        this.#hear(entry, message, channel),
      )
      await this.#host.announce()
    } catch (error) {
      await this.#close(entry)
      throw error
    }
    return { close: () => this.#close(entry) }
  }

  close(): void {
    for (const entry of this.#entries) entry.isClosed = true
    this.#entries.clear()
  }

  async #close(entry: Entry): Promise<void> {
    if (entry.isClosed) return
    entry.isClosed = true
    this.#entries.delete(entry)
    await entry.subscription?.close()
    // That nobody listens any more saves work, and may be learned later.
    this.#host.announce().catch(() => undefined)
  }

  #hear(entry: Entry, message: Buffer, channel: string): void {
    for (const event of this.#host.read(message, channel)) {
      const isWanted =
        !entry.isClosed && event.route.union === this.#host.union && matchesFilter(entry.filter, event)
      if (!isWanted) continue
      try {
        entry.handler(event)
      } catch (error) {
        this.#host.threw(error)
      }
    }
  }
}
