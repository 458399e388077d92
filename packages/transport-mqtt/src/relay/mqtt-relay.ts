import {
  abortable,
  type AetherEvent,
  type Consumer,
  type EventFilter,
  eventToParcel,
  everyone,
  isAetherError,
  type Listener,
  type Offer,
  type Parcel,
  type Relay,
  type RelayHost,
  type Route,
  type RouteCache,
  routeCache,
  type SendOutcome,
  type Signal,
  type TaskMessage,
  taskToParcel,
  topicOf,
  type TransportState,
  type WaitOptions,
} from '@aether/core'
import type { IPublishPacket } from 'mqtt'
import type { MqttRelayCapabilities } from '../capabilities.ts'
import { closedError, noMatchingSubscribers } from '../errors.ts'
import { InteropTopics } from '../interop/interop-topics.ts'
import type { Session } from '../link/connection.ts'
import { MqttLink } from '../link/mqtt-link.ts'
import type { MqttSettings } from '../options.ts'
import { EventTopics } from './event-topics.ts'
import { LinkStates } from './link-states.ts'
import { asBuffer, isFrame, toPayload } from './payload.ts'
import { PresenceBoard, willOf } from './presence-board.ts'
import { eventOptions, offerOptions } from './publish-options.ts'
import { readAnswer, readSignals } from './read-message.ts'
import { SignalBatches } from './signal-batches.ts'
import { answerTopic, everyoneTopic, inboxTopic, presenceTopic } from './topics.ts'
import { type WorkLink, WorkLinks } from './work-links.ts'
import { type TaskHandler, WorkTopics } from './work-topics.ts'

/** How long brokers keep the note that a client died. */
const offlineSeconds = 3_600

interface Parts {
  readonly host: RelayHost
  readonly work: WorkTopics
  readonly events: EventTopics
  readonly board: PresenceBoard
  readonly signals: SignalBatches
  readonly interop: InteropTopics | undefined
}

/** MQTT as the lease layer needs it: tasks by shared subscription, signals by inbox, events by topic. */
export class MqttRelay implements Relay<MqttRelayCapabilities> {
  readonly name: string = 'mqtt'
  readonly capabilities: MqttRelayCapabilities
  readonly inbox: string
  readonly #settings: MqttSettings
  readonly #states = new LinkStates()
  readonly #link: MqttLink
  readonly #workLinks: WorkLinks
  readonly #routes: RouteCache = routeCache()
  #parts: Parts | undefined
  #started: Promise<unknown> | undefined
  #ignored = 0
  #isSilenced = false

  constructor(settings: MqttSettings) {
    const { clientId, maxPayloadBytes } = settings
    this.#settings = settings
    this.inbox = clientId
    this.capabilities = { groups: true, maxPayloadBytes }
    const options = {
      settings,
      clientId,
      onIgnored: this.#onIgnored,
      onWarning: (message: string, fields: object) => this.#parts?.host.logger.warn(message, fields),
    }
    const states = this.#states
    this.#link = new MqttLink({
      ...options,
      onReady: (session) => this.#onReady(session),
      onState: (state) => states.setMain(state),
    })
    this.#workLinks = new WorkLinks(this.#link, {
      ...options,
      onState: (link, state) => states.setOther(link, state),
    })
  }

  get state(): TransportState {
    return this.#states.state
  }

  get isCutOff(): boolean {
    return this.#states.isCutOff
  }

  /** Messages that were none of ours, or could not be read. */
  get ignoredMessages(): number {
    return this.#ignored
  }

  states(options?: WaitOptions): AsyncIterable<TransportState> {
    return this.#states.changes(options)
  }

  async start(host: RelayHost, options: WaitOptions = {}): Promise<void> {
    const { union, client, host: machine } = host
    const { qos } = this.#settings
    const link = this.#link
    const onIgnored = this.#onIgnored
    const events = new EventTopics({ union, routes: this.#routes, qos, link, onIgnored })
    const board = new PresenceBoard(
      {
        clientId: this.inbox,
        union,
        client,
        host: machine,
        publish: (page) => this.#retain(presenceTopic(union, this.inbox), page),
        onDismiss: (event) => events.tell(event),
        onServed: (route, workgroup) => host.onServed?.(route, workgroup),
        onIgnored: (error) => onIgnored(presenceTopic(union, '+'), error),
      },
      () => events.filters(),
    )
    const linkFor = (workgroup: string): Promise<WorkLink> => this.#workLinks.linkFor(workgroup)
    const work = new WorkTopics({ routes: this.#routes, qos, linkFor, onIgnored })
    const signals = new SignalBatches({
      publish: (to, payload) => this.#sendSignals(union, to, payload),
      maxPacketBytes: () => link.maxPacketBytes,
    })
    const interop = this.#settings.isInterop
      ? new InteropTopics({
          listen: (filter, handler) => events.listen(filter, handler, true),
          onSignal: host.onSignal,
        })
      : undefined
    this.#parts = { host, work, events, board, signals, interop }
    const will = {
      topic: presenceTopic(union, this.inbox),
      payload: willOf({ client, host: machine }),
      messageExpiryInterval: offlineSeconds,
    }
    const starting = Promise.all([link.start(will), ...this.#ownSubscriptions(union, board)])
    this.#started = starting
    await abortable(starting, options.signal)
  }

  async send(task: TaskMessage, offer: Offer, options: WaitOptions = {}): Promise<SendOutcome> {
    // Awaited only where the broker is to be asked first.
    const following = this.#parts?.interop?.follow(task.route)
    if (following) await following
    const parcel = taskToParcel(task, offer)
    const reason = await this.#link.publish({
      topic: topicOf(task.route, task.tid, 'perform'),
      payload: toPayload(parcel),
      options: offerOptions(task, offer, this.#contextOf(parcel)),
      waits: true,
      signal: options.signal,
    })
    if (reason === noMatchingSubscribers || this.#isUnserved(task, offer)) return 'nobody'
    return 'sent'
  }

  async consume(
    route: Route,
    { workgroup }: { readonly workgroup: string },
    handler: TaskHandler,
  ): Promise<Consumer> {
    const { interop, work, board } = this.#open()
    await this.#started
    await interop?.serve(route)
    const consumer = await work.join(route, workgroup, handler)
    let unserve = (): void => undefined
    const close = async (): Promise<void> => {
      unserve()
      board.write().catch(() => undefined)
      await consumer.close()
    }
    try {
      unserve = board.serve(route, workgroup)
      const written = board.write()
      // Callers that speak 3.1.1 believe nobody is here until they have read it; to those over MQTT 5 the worker is of use without.
      await (this.#isNew ? written.catch(() => undefined) : written)
    } catch (error) {
      await close()
      throw error
    }
    return { close }
  }

  /** To its own inbox the broker is no help. */
  signal(to: string, signal: Signal): Promise<void> {
    const { signals, host } = this.#open()
    if (to !== this.inbox) return signals.add(to, signal)
    return new Promise((resolve) => {
      setImmediate(() => {
        host.onSignal(signal)
        resolve()
      })
    })
  }

  isHeard(event: AetherEvent): boolean {
    if (this.#settings.isInterop || (event.action !== 'status' && event.action !== 'complete')) return true
    return this.#open().board.isHeard(event)
  }

  async publish(event: AetherEvent, options: WaitOptions = {}): Promise<void> {
    const { board } = this.#open()
    if (event.action === 'online' || event.action === 'idle' || event.action === 'dismiss')
      board.announced(event)
    const parcel = eventToParcel(event)
    await this.#link.publish({
      topic: topicOf(event.route, event.tid, event.action),
      payload: toPayload(parcel),
      options: eventOptions(this.#contextOf(parcel)),
      waits: true,
      signal: options.signal,
    })
  }

  async listen(filter: EventFilter, handler: (event: AetherEvent) => void): Promise<Listener> {
    const { events, board } = this.#open()
    await this.#started
    const listener = await events.listen(filter, handler)
    try {
      await board.write()
    } catch (error) {
      await listener.close()
      throw error
    }
    return {
      close: async () => {
        await listener.close()
        if (!this.isCutOff) await board.write()
      },
    }
  }

  async close(options?: WaitOptions): Promise<void> {
    const parts = this.#parts
    const goodbye = async (): Promise<void> => {
      parts?.signals.flush()
      await parts?.board.close()
    }
    // The main one first, so that the state says closing from the beginning.
    await Promise.all([this.#link.close(goodbye, options), this.#workLinks.close(options)])
    parts?.board.dispose()
  }

  /** In 3.1.1 the broker does not say that nobody is subscribed: then the pages of the others do, which came before the PUBACK. */
  #isUnserved({ route, workgroup }: TaskMessage, { only }: Offer): boolean {
    const { qos, isInterop } = this.#settings
    if (this.#isNew || isInterop || qos === 0) return false
    return !this.#open().board.isServed(route, only ?? workgroup)
  }

  get #isNew(): boolean {
    return this.#link.session?.version === 5
  }

  #contextOf(parcel: Parcel): Parameters<typeof eventOptions>[0] {
    return { qos: this.#settings.qos, version: this.#link.session?.version, isFrame: isFrame(parcel) }
  }

  #open(): Parts {
    if (!this.#parts) throw closedError()
    return this.#parts
  }

  #ownSubscriptions(union: string, board: PresenceBoard): Promise<unknown>[] {
    const { qos } = this.#settings
    const own = [inboxTopic(union, this.inbox), everyoneTopic(union)].map((filter) =>
      this.#link.subscribe({ filter, qos }, (topic, payload) => this.#hearSignals(topic, payload)),
    )
    const answers = this.#link.subscribe(
      { filter: answerTopic(this.inbox, { union, job: '+', task: '+', context: '+' }), qos },
      (_topic, _payload, packet) => this.#hearAnswer(packet),
    )
    const pages = this.#link.subscribe(
      { filter: presenceTopic(union, '+'), qos: 1, isRetained: true },
      (topic, payload) => board.hear(topic.slice(topic.lastIndexOf('/') + 1), payload),
    )
    return [...own, answers, pages]
  }

  #onReady(session: Session): void {
    const { host, board } = this.#open()
    if (session.version === 4 && this.#link.state.status === 'starting') {
      host.logger.warn(
        'the broker is spoken to in MQTT 3.1.1: it does not tell that nobody is subscribed, and messages do not expire',
        {},
      )
    }
    board.connected()
  }

  #sendSignals(union: string, to: string, payload: Uint8Array): Promise<unknown> {
    const topic = to === everyone ? everyoneTopic(union) : inboxTopic(union, to)
    const { qos } = this.#settings
    const sent = this.#link.publish({ topic, payload: asBuffer(payload), options: { qos }, waits: false })
    sent.catch((error: unknown) => this.#warnOfRefusal(topic, error))
    return sent
  }

  /** Without these rights tasks run, and nobody ever hears of it: the lease layer takes a refused signal for a lost one. */
  #warnOfRefusal(topic: string, error: unknown): void {
    if (this.#isSilenced || !isAetherError(error) || error.code !== 'ERR_AETHER_TOKEN_REFUSED') return
    this.#isSilenced = true
    this.#open().host.logger.warn('the broker does not let this user answer other instances', {
      topic,
      error,
    })
  }

  async #retain(topic: string, payload: Buffer): Promise<void> {
    if (this.#link.session?.mayRetain === false) return
    await this.#link.publish({ topic, payload, options: { qos: 1, retain: true }, waits: true })
  }

  #hearSignals(topic: string, payload: Buffer): void {
    const { onSignal } = this.#open().host
    let signals: readonly Signal[]
    try {
      signals = readSignals(payload, this.#routes)
    } catch (error) {
      return this.#onIgnored(topic, error)
    }
    for (const signal of signals) onSignal(signal)
  }

  #hearAnswer(packet: IPublishPacket): void {
    const { onSignal } = this.#open().host
    let answer: Signal | undefined
    try {
      answer = readAnswer(packet, this.#routes)
    } catch (error) {
      return this.#onIgnored(packet.topic, error)
    }
    if (answer) onSignal(answer)
    else this.#onIgnored(packet.topic, undefined)
  }

  readonly #onIgnored = (topic: string, error: unknown): void => {
    this.#ignored += 1
    if (this.#ignored > 1) return
    const fields = { topic: topic.slice(0, 200), error }
    this.#parts?.host.logger.warn(
      'a message on our topics is none of ours; further ones are only counted',
      fields,
    )
  }
}
