import {
  type AetherEvent,
  decodeEnvelope,
  encodeEnvelope,
  eventFromParcel,
  type EventFilter,
  eventToParcel,
  everyone,
  type Listener,
  matchesFilter,
  type Offer,
  type Relay,
  type RelayHost,
  type Route,
  routeCache,
  type SendOutcome,
  type Signal,
  signalFromParcel,
  signalToParcel,
  taskFromParcel,
  type TaskMessage,
  taskToParcel,
  type TransportState,
} from '@aether/core'

interface Subscription {
  readonly relay: HubRelay
  readonly route: Route
  readonly workgroup: string
  readonly handler: (task: TaskMessage, offer: Offer) => void
}

interface Listening {
  readonly relay: HubRelay
  readonly filter: EventFilter
  readonly handler: (event: AetherEvent) => void
}

export const relayCapabilities = { groups: true, maxPayloadBytes: 1_000_000 } as const

/** An engine that hands on what it is given, once and in order, and keeps nothing: the plainest thing that the lease layer stands on. */
export class RelayHub {
  readonly relays = new Set<HubRelay>()
  readonly subscriptions = new Set<Subscription>()
  readonly listening = new Set<Listening>()
  readonly #turns = new Map<string, number>()
  #count = 0

  relay(): HubRelay {
    this.#count += 1
    return new HubRelay(this, `inbox-${String(this.#count)}`)
  }

  /** One member of each workgroup that matches, in turn. */
  membersFor(route: Route): Subscription[] {
    const groups = new Map<string, Subscription[]>()
    for (const subscription of this.subscriptions) {
      if (!isSubscribed(subscription.route, route)) continue
      groups.set(subscription.workgroup, [...(groups.get(subscription.workgroup) ?? []), subscription])
    }
    return [...groups].map(([workgroup, members]) => {
      const turn = this.#turns.get(workgroup) ?? 0
      this.#turns.set(workgroup, turn + 1)
      return members[turn % members.length] as Subscription
    })
  }
}

export class HubRelay implements Relay<typeof relayCapabilities> {
  readonly name = 'relay-hub'
  readonly capabilities = relayCapabilities
  readonly inbox: string
  state: TransportState = { status: 'idle' }
  /** Nothing reaches it and nothing it says gets out, and nobody is told. */
  isCut = false
  readonly #hub: RelayHub
  readonly #routes = routeCache()
  readonly #followers = new Set<(state: TransportState) => void>()
  #host: RelayHost | undefined

  constructor(hub: RelayHub, inbox: string) {
    this.#hub = hub
    this.inbox = inbox
  }

  async *states(options: { readonly signal?: AbortSignal } = {}): AsyncIterable<TransportState> {
    const held: TransportState[] = []
    let wake: () => void = () => {}
    const follow = (state: TransportState): void => {
      held.push(state)
      wake()
    }
    const onAbort = (): void => wake()
    this.#followers.add(follow)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      while (options.signal?.aborted !== true) {
        const state = held.shift()
        if (state !== undefined) yield state
        else if (this.state.status === 'closed') return
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      this.#followers.delete(follow)
      options.signal?.removeEventListener('abort', onAbort)
    }
  }

  async start(host: RelayHost): Promise<void> {
    this.#host = host
    this.#enter({ status: 'starting' })
    this.#hub.relays.add(this)
    this.#enter({ status: 'ready', generation: 1 })
  }

  async send(task: TaskMessage, offer: Offer): Promise<SendOutcome> {
    const bytes = encodeEnvelope(taskToParcel(task, offer))
    const members = this.#hub.membersFor(task.route)
    const defaults = { workgroup: 'workers', attempts: 1, deadline: 0 }
    for (const { relay, handler } of members) {
      relay.#take(this, () => {
        const read = taskFromParcel(decodeEnvelope(bytes), { route: task.route, tid: task.tid, defaults })
        handler(read.task, read.offer)
      })
    }
    return members.length === 0 ? 'nobody' : 'sent'
  }

  async consume(
    route: Route,
    { workgroup }: { readonly workgroup: string },
    handler: Subscription['handler'],
  ): Promise<Listener> {
    const subscription: Subscription = { relay: this, route, workgroup, handler }
    this.#hub.subscriptions.add(subscription)
    return { close: async () => void this.#hub.subscriptions.delete(subscription) }
  }

  async signal(to: string, signal: Signal): Promise<void> {
    const bytes = encodeEnvelope(signalToParcel(signal))
    for (const relay of this.#hub.relays) {
      if (to !== everyone && relay.inbox !== to) continue
      if (to === everyone && relay.#host?.union !== signal.route.union) continue
      relay.#take(this, () => relay.#host?.onSignal(signalFromParcel(decodeEnvelope(bytes), relay.#routes)))
    }
  }

  async publish(event: AetherEvent): Promise<void> {
    const bytes = encodeEnvelope(eventToParcel(event))
    for (const { relay, filter, handler } of this.#hub.listening) {
      if (relay.#host?.union !== event.route.union || !matchesFilter(filter, event)) continue
      relay.#take(this, () => handler(eventFromParcel(decodeEnvelope(bytes), event)))
    }
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    const listening: Listening = { relay: this, filter, handler }
    this.#hub.listening.add(listening)
    return { close: async () => void this.#hub.listening.delete(listening) }
  }

  async close(): Promise<void> {
    if (this.state.status === 'closed') return
    this.#leave()
    this.#enter({ status: 'closing' })
    this.#enter({ status: 'closed' })
  }

  /** Its process is gone: the engine notices, its tasks' callers do not. */
  vanish(): void {
    this.isCut = true
    this.#leave()
  }

  #leave(): void {
    this.#hub.relays.delete(this)
    for (const kept of [this.#hub.subscriptions, this.#hub.listening] as Set<{
      readonly relay: HubRelay
    }>[]) {
      for (const entry of kept) if (entry.relay === this) kept.delete(entry)
    }
  }

  /** As from a socket: in a turn of its own, and not after the end. */
  #take(from: HubRelay, deliver: () => void): void {
    if (from.isCut) return
    setImmediate(() => {
      if (this.state.status === 'ready' && !this.isCut) deliver()
    })
  }

  #enter(state: TransportState): void {
    this.state = state
    for (const follow of this.#followers) follow(state)
  }
}

function isSubscribed(filter: Route, route: Route): boolean {
  const levels = ['union', 'job', 'task', 'context'] as const
  return levels.every((level) => filter[level] === '+' || filter[level] === route[level])
}
