import { AetherError, type TransportState } from '@aether/core'
import type { RedisLink, Subscription } from '../../src/link/redis-link.ts'

interface Entry {
  readonly pattern: RegExp
  readonly handler: (message: Buffer, channel: string) => void
}

/** Pub/sub of a Redis within this process, whose connections fail when told to. */
export class LinkHub {
  readonly links: Set<HubLink> = new Set()
  isCluster = false
  /** Ends the standstill, where there is one. */
  #resume: (() => void) | undefined
  #going: Promise<void> | undefined

  /** Resolves when the server goes on, where it stands still. */
  get going(): Promise<void> | undefined {
    return this.#going
  }

  /** The server stands still: it takes everything, and does it later. */
  stall(): void {
    this.#going ??= new Promise((resolve) => (this.#resume = resolve))
  }

  resume(): void {
    this.#resume?.()
    this.#going = undefined
  }

  link(): HubLink {
    const link = new HubLink(this)
    this.links.add(link)
    return link
  }
}

/** One connection. `cut` ends it, and what is said to it meanwhile is lost; `deafen` loses messages though the server counts it as listening. */
export class HubLink implements RedisLink {
  readonly entries: Set<Entry> = new Set()
  /** Throws instead of publishing. */
  refuse: ((channel: string, message: Uint8Array) => AetherError | undefined) | undefined
  readonly #hub: LinkHub
  readonly #watchers = new Set<() => void>()
  readonly #states: TransportState[] = []
  #state: TransportState = { status: 'idle' }
  #generation = 0
  #isDeaf = false

  constructor(hub: LinkHub) {
    this.#hub = hub
  }

  get isCluster(): boolean {
    return this.#hub.isCluster
  }

  get state(): TransportState {
    return this.#state
  }

  async *states(): AsyncIterable<TransportState> {
    let seen = this.#states.length
    yield this.#state
    for (;;) {
      while (seen < this.#states.length) {
        const state = this.#states[seen]
        seen += 1
        if (state === undefined) continue
        yield state
        if (state.status === 'closed') return
      }
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve)
      })
    }
  }

  async start(): Promise<void> {
    this.#enter({ status: 'starting' })
    this.heal()
  }

  cut(): void {
    const error = new AetherError('ERR_AETHER_TRANSPORT_LOST', 'cut', { retryable: true })
    this.#enter({ status: 'reconnecting', attempt: 1, error })
  }

  heal(): void {
    if (this.#state.status === 'closed') return
    this.#isDeaf = false
    this.#generation += 1
    this.#enter({ status: 'ready', generation: this.#generation })
  }

  /** Until the next `heal` it hears nothing, and the server does not notice. */
  deafen(): void {
    this.#isDeaf = true
  }

  async run(): Promise<never> {
    throw new Error('mode pubsub runs no scripts')
  }

  async command(): Promise<number> {
    await this.#ready()
    return 1
  }

  async publish(channel: string, message: Uint8Array): Promise<number> {
    await this.#ready()
    if (this.#hub.going !== undefined) await this.#hub.going
    const refusal = this.refuse?.(channel, message)
    if (refusal !== undefined) throw refusal
    let heard = 0
    const copy = Buffer.from(message)
    for (const link of this.#hub.links) {
      if (link.#state.status !== 'ready') continue
      for (const entry of link.entries) {
        if (!entry.pattern.test(channel)) continue
        heard += 1
        if (link.#isDeaf) continue
        // As a socket would: in order, and later.
        setImmediate(() => {
          if (link.#state.status === 'ready' && link.entries.has(entry)) entry.handler(copy, channel)
        })
      }
    }
    const generation = this.#generation
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    // It arrived; its answer did not.
    if (this.#state.status !== 'ready' || this.#generation !== generation)
      throw new AetherError('ERR_AETHER_TRANSPORT_LOST', 'cut off', { retryable: true })
    return heard
  }

  subscribe(channel: string, handler: (message: Buffer) => void): Promise<Subscription> {
    return this.#subscribe(new RegExp(`^${escape(channel)}$`), handler)
  }

  subscribePattern(
    pattern: string,
    handler: (message: Buffer, channel: string) => void,
  ): Promise<Subscription> {
    return this.#subscribe(new RegExp(`^${pattern.split('*').map(escape).join('.*')}$`), handler)
  }

  async close(): Promise<void> {
    this.#hub.links.delete(this)
    this.#enter({ status: 'closing' })
    this.#enter({ status: 'closed' })
  }

  async #subscribe(pattern: RegExp, handler: Entry['handler']): Promise<Subscription> {
    await this.#ready()
    const entry = { pattern, handler }
    this.entries.add(entry)
    return {
      close: async () => {
        this.entries.delete(entry)
      },
    }
  }

  async #ready(): Promise<void> {
    while (this.#state.status !== 'ready') {
      if (this.#state.status === 'closed' || this.#state.status === 'closing')
        throw new AetherError('ERR_AETHER_TRANSPORT_CLOSED', 'closed')
      await new Promise<void>((resolve) => {
        this.#watchers.add(resolve)
      })
    }
  }

  #enter(state: TransportState): void {
    this.#state = state
    this.#states.push(state)
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const wake of watchers) wake()
  }
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}
