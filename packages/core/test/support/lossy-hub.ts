import type { Clock } from '../../src/clock.ts'
import { AetherError } from '../../src/errors.ts'
import { eventFromParcel, eventToParcel } from '../../src/envelope/event-envelope.ts'
import { decodeEnvelope, encodeEnvelope } from '../../src/envelope/json-envelope.ts'
import { signalFromParcel, signalToParcel } from '../../src/envelope/signal-envelope.ts'
import { taskFromParcel, taskToParcel } from '../../src/envelope/task-envelope.ts'
import {
  everyone,
  type Offer,
  type Relay,
  type RelayHost,
  type SendOutcome,
  type Signal,
} from '../../src/lease/relay.ts'
import { matchesFilter } from '../../src/topic/event-filter.ts'
import { routeCache } from '../../src/topic/route-cache.ts'
import type { AetherEvent, EventFilter, Route, TaskMessage, TransportState } from '../../src/transport.ts'

/** What becomes of one message: the delays after which copies of it arrive; none when it is lost. */
export type Fate = (message: Message) => readonly number[]

export interface Message {
  readonly kind: 'event' | 'offer' | 'signal'
  readonly from: string
  readonly to: string
  readonly signal?: Signal
  readonly offer?: Offer
  readonly task?: TaskMessage
}

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

/** An engine that carries messages between relays in one process and keeps nothing; each message meets the fate that a test chooses. */
export class LossyHub {
  fate: Fate = () => [1]
  /** Whether the hub tells senders that nobody is subscribed. */
  knowsNobody = false
  /** Signals and offers that are longer are refused. */
  maxMessageBytes = Infinity
  readonly relays: HubRelay[] = []
  readonly sent: Message[] = []
  readonly subscriptions = new Set<Subscription>()
  readonly listening = new Set<Listening>()
  readonly #clock: Clock
  readonly #turns = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  relay(name: string): HubRelay {
    const relay = new HubRelay(this, name)
    this.relays.push(relay)
    return relay
  }

  /** One member of each workgroup that matches, in turn. */
  membersFor(route: Route): Subscription[] {
    const groups = new Map<string, Subscription[]>()
    for (const subscription of this.subscriptions) {
      if (!matchesRoute(subscription.route, route)) continue
      groups.set(subscription.workgroup, [...(groups.get(subscription.workgroup) ?? []), subscription])
    }
    return [...groups].map(([workgroup, members]) => {
      const turn = this.#turns.get(workgroup) ?? 0
      this.#turns.set(workgroup, turn + 1)
      return members[turn % members.length] as Subscription
    })
  }

  carry(
    message: Message,
    from: HubRelay,
    given: { readonly to: HubRelay; readonly deliver: () => void },
  ): void {
    if (from.status === 'dead') return
    this.sent.push(message)
    for (const delayMs of this.fate(message))
      this.#clock.setTimer(() => given.to.receive(given.deliver), delayMs)
  }
}

export class HubRelay implements Relay<{ readonly groups: true; readonly maxPayloadBytes: number }> {
  readonly name = 'hub'
  readonly capabilities = { groups: true, maxPayloadBytes: 1_000_000 } as const
  readonly inbox: string
  state: TransportState = { status: 'idle' }
  isCutOff?: boolean
  status: 'dead' | 'frozen' | 'live' = 'live'
  readonly #hub: LossyHub
  readonly #routes = routeCache()
  #backlog: (() => void)[] = []
  #waiting: (() => void)[] = []
  #wake: (() => void)[] = []
  host: RelayHost | undefined

  constructor(hub: LossyHub, name: string) {
    this.#hub = hub
    this.inbox = `inbox-${name}`
  }

  /** The process stands still: what reaches it waits. */
  freeze(): void {
    if (this.status === 'live') this.status = 'frozen'
  }

  thaw(): void {
    if (this.status !== 'frozen') return
    this.status = 'live'
    for (const deliver of this.#backlog.splice(0)) deliver()
  }

  /** The process is gone; the engine notices and hands its share to the others. */
  kill(): void {
    this.status = 'dead'
    this.#leave()
  }

  get #isDeaf(): boolean {
    return this.isCutOff ?? this.state.status !== 'ready'
  }

  receive(deliver: () => void): void {
    if (this.status === 'frozen') this.#backlog.push(deliver)
    else if (this.status === 'live' && !this.#isDeaf) deliver()
  }

  async *states(): AsyncIterable<TransportState> {
    for (;;) {
      yield this.state
      if (this.state.status === 'closed') return
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  /** Nothing comes or goes; offers wait until `reconnect`, signals are lost. */
  disconnect(): void {
    const error = new AetherError('ERR_AETHER_TRANSPORT_LOST', 'cut')
    this.#become({ status: 'reconnecting', attempt: 1, error })
  }

  reconnect(): void {
    this.#become({ status: 'ready', generation: 2 })
    for (const go of this.#waiting.splice(0)) go()
  }

  #become(state: TransportState): void {
    this.state = state
    for (const wake of this.#wake.splice(0)) wake()
  }

  async start(host: RelayHost): Promise<void> {
    this.host = host
    this.state = { status: 'ready', generation: 1 }
  }

  async send(task: TaskMessage, offer: Offer): Promise<SendOutcome> {
    if (this.#isDeaf && this.state.status === 'reconnecting')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    const bytes = encodeEnvelope(taskToParcel(task, offer))
    this.#checkSize(bytes)
    const members = this.#hub.membersFor(task.route)
    for (const { relay, handler } of members) {
      const deliver = (): void => {
        const defaults = { workgroup: 'workers', attempts: 1, deadline: 0 }
        const read = taskFromParcel(decodeEnvelope(bytes), { route: task.route, tid: task.tid, defaults })
        handler(read.task, read.offer)
      }
      this.#hub.carry({ kind: 'offer', from: this.inbox, to: relay.inbox, offer, task }, this, {
        to: relay,
        deliver,
      })
    }
    return members.length === 0 && this.#hub.knowsNobody ? 'nobody' : 'sent'
  }

  async consume(
    route: Route,
    { workgroup }: { readonly workgroup: string },
    handler: Subscription['handler'],
  ): Promise<{ close: () => Promise<void> }> {
    const subscription = { relay: this, route, workgroup, handler }
    this.#hub.subscriptions.add(subscription)
    return { close: async () => void this.#hub.subscriptions.delete(subscription) }
  }

  async signal(to: string, signal: Signal): Promise<void> {
    const bytes = encodeEnvelope(signalToParcel(signal))
    this.#checkSize(bytes)
    if (this.#isDeaf) throw new AetherError('ERR_AETHER_TRANSPORT_LOST', 'cut')
    for (const relay of this.#hub.relays) {
      if (to !== everyone && relay.inbox !== to) continue
      const deliver = (): void => relay.host?.onSignal(signalFromParcel(decodeEnvelope(bytes), this.#routes))
      this.#hub.carry({ kind: 'signal', from: this.inbox, to: relay.inbox, signal }, this, {
        to: relay,
        deliver,
      })
    }
  }

  async publish(event: AetherEvent): Promise<void> {
    const bytes = encodeEnvelope(eventToParcel(event))
    for (const { relay, filter, handler } of this.#hub.listening) {
      if (!matchesFilter(filter, event) || relay.host?.union !== event.route.union) continue
      const deliver = (): void => handler(eventFromParcel(decodeEnvelope(bytes), event))
      this.#hub.carry({ kind: 'event', from: this.inbox, to: relay.inbox }, this, { to: relay, deliver })
    }
  }

  async listen(
    filter: EventFilter,
    handler: (event: AetherEvent) => void,
  ): Promise<{ close: () => Promise<void> }> {
    const listening = { relay: this, filter, handler }
    this.#hub.listening.add(listening)
    return { close: async () => void this.#hub.listening.delete(listening) }
  }

  async close(): Promise<void> {
    this.#become({ status: 'closed' })
    this.#leave()
  }

  #checkSize({ length }: Uint8Array): void {
    if (length <= this.#hub.maxMessageBytes) return
    throw new AetherError('ERR_AETHER_PAYLOAD_TOO_LARGE', `${length} bytes`)
  }

  #leave(): void {
    for (const entry of this.#hub.subscriptions)
      if (entry.relay === this) this.#hub.subscriptions.delete(entry)
    for (const entry of this.#hub.listening) if (entry.relay === this) this.#hub.listening.delete(entry)
  }
}

function matchesRoute(filter: Route, route: Route): boolean {
  const levels = ['union', 'job', 'task', 'context'] as const
  return levels.every((level) => filter[level] === '+' || filter[level] === route[level])
}
