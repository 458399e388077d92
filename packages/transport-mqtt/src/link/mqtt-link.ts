import { isVersionRefusal, closedError, isFinal, timeoutError } from '../errors.ts'
import type { AetherError, TransportState, WaitOptions } from '@aether/core'
import type { IPublishPacket } from 'mqtt'
import type { MqttSettings } from '../options.ts'
import {
  Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type Session,
  type Will,
} from './connection.ts'
import { Outbox, type Publication } from './outbox.ts'
import { Subscriptions, type Subscription, type SubscriptionOptions } from './subscriptions.ts'

export interface LinkOptions {
  readonly settings: MqttSettings
  readonly clientId: string
  /** A further name, for when the broker gives this one to another client; without, the link fails then. */
  readonly nextClientId?: () => string
  /** Each change of the link's state, as it happens. */
  readonly onState: (state: TransportState) => void
  /** The connection stands and its subscriptions with it; called before the state says so. */
  readonly onReady?: (session: Session) => void
  /** A message that is for no subscription of this link, or that one of them did not take. */
  readonly onIgnored: (topic: string, error: unknown) => void
  readonly onWarning: (message: string, fields: object) => void
  /** Begins one connection. @default with mqtt.js */
  readonly connect?: (options: ConnectionOptions, events: ConnectionEvents) => Connection
  /** @default Math.random */
  readonly random?: () => number
}

/** So many short connections one after the other are no accident. */
const manyShortOnes = 5

/** One connection to the broker that is made again whenever it ends: the only state machine that does so. */
export class MqttLink {
  readonly #options: LinkOptions
  #state: TransportState = { status: 'idle' }
  readonly #outbox: Outbox
  readonly #subscriptions: Subscriptions
  #connection: Connection | undefined
  #session: Session | undefined
  #clientId: string
  #version: 4 | 5
  #will: Will | undefined
  #generation = 0
  /** Attempts since a connection lasted. */
  #attempt = 0
  /** Since when the connection is ready, where it is; monotonic milliseconds. */
  #readyAt: number | undefined
  /** Connections one after the other that ended soon after they were ready. */
  #shortOnes = 0
  #targetIndex = 0
  #timer: NodeJS.Timeout | undefined
  #startTimer: NodeJS.Timeout | undefined
  #starting: { readonly resolve: () => void; readonly reject: (error: AetherError) => void } | undefined
  #lastError: AetherError | undefined
  #closing: Promise<void> | undefined

  constructor(options: LinkOptions) {
    const { settings, clientId } = options
    this.#options = options
    this.#clientId = clientId
    this.#version = settings.protocolVersion ?? 5
    this.#outbox = new Outbox(settings)
    this.#subscriptions = new Subscriptions({
      ...settings,
      onIgnored: options.onIgnored,
    })
  }

  get state(): TransportState {
    return this.#state
  }

  /** Of the connection that is there, or was last. */
  get session(): Session | undefined {
    return this.#session
  }

  /** How long a packet should be at most, where that is a matter of choice. */
  get maxPacketBytes(): number {
    return this.#outbox.maxPacketBytes
  }

  /** Resolves when ready; rejects and stays `failed` where that cannot be within `connectTimeoutMs`. */
  start(will?: Will): Promise<void> {
    const { connectTimeoutMs } = this.#options.settings
    this.#will = will
    this.#set({ status: 'starting' })
    return new Promise((resolve, reject) => {
      this.#starting = { resolve, reject }
      this.#startTimer = setTimeout(() => {
        this.#fail(this.#lastError ?? timeoutError(connectTimeoutMs))
      }, connectTimeoutMs)
      this.#connect()
    })
  }

  /** Resolves with the reason code of the PUBACK: 0, or that nobody is subscribed. */
  publish(publication: Publication): Promise<number> {
    if (this.#isOver) return Promise.reject(this.#overError())
    return this.#outbox.publish(publication)
  }

  /** Resolves when the broker has confirmed it; after each reconnection it exists once. */
  subscribe(
    options: SubscriptionOptions,
    handler: (topic: string, payload: Buffer, packet: IPublishPacket) => void,
  ): Promise<Subscription> {
    if (this.#isOver) return Promise.reject(this.#overError())
    return this.#subscriptions.add(options, handler)
  }

  /** `last` is what is said before the end; it is given `closeTimeoutMs`, less where `signal` aborts. */
  close(last: () => Promise<unknown>, options: WaitOptions = {}): Promise<void> {
    this.#closing ??= this.#close(last, options)
    return this.#closing
  }

  get #isOver(): boolean {
    const { status } = this.#state
    return status === 'closing' || status === 'closed' || status === 'failed'
  }

  #overError(): AetherError {
    const state = this.#state
    return state.status === 'failed' ? state.error : closedError()
  }

  #set(state: TransportState): void {
    this.#state = state
    this.#options.onState(state)
  }

  #connect(): void {
    const { settings } = this.#options
    const clientId = this.#clientId
    const target = settings.targets[this.#targetIndex % settings.targets.length]!
    const options = { settings, target, version: this.#version, clientId, will: this.#will }
    const events: ConnectionEvents = {
      onOpen: (session) => void this.#opened(connection, session),
      onMessage: (topic, payload, packet) => this.#subscriptions.hear(topic, payload, packet),
      onClosed: (error) => this.#lost(connection, error),
    }
    const connection = this.#options.connect?.(options, events) ?? new Connection(options, events)
    this.#connection = connection
  }

  async #opened(connection: Connection, session: Session): Promise<void> {
    if (connection !== this.#connection) return
    try {
      await this.#subscriptions.restore(connection, session)
    } catch (error) {
      if (connection !== this.#connection) return
      void connection.end(false)
      return this.#lost(connection, error as AetherError)
    }
    if (connection !== this.#connection) return
    this.#session = session
    this.#readyAt = performance.now()
    this.#generation += 1
    this.#outbox.opened(connection, session)
    this.#options.onReady?.(session)
    clearTimeout(this.#startTimer)
    this.#set({ status: 'ready', generation: this.#generation })
    this.#starting?.resolve()
    this.#starting = undefined
  }

  #lost(connection: Connection, error: AetherError): void {
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#lastError = error
    this.#subscriptions.lost()
    this.#outbox.lost(error)
    if (this.#isOver) return
    if (this.#mayFallBack(error)) return this.#connect()
    // Others of the list may take us, so the last of them decides.
    const isLast = (this.#targetIndex + 1) % this.#options.settings.targets.length === 0
    const { nextClientId } = this.#options
    const isTakenOver = error.detail['reasonCode'] === 0x8e
    if (isTakenOver && nextClientId) this.#clientId = nextClientId()
    else if (isTakenOver || (this.#generation === 0 && isLast && isFinal(error))) return this.#fail(error)
    this.#targetIndex += 1
    this.#count(error)
    if (this.#generation > 0) this.#set({ status: 'reconnecting', attempt: this.#attempt, error })
    const { initialMs, maxMs } = this.#options.settings.backoff
    const ceiling = Math.min(maxMs, initialMs * 2 ** Math.min(this.#attempt - 1, 30))
    this.#timer = setTimeout(() => this.#connect(), (this.#options.random ?? Math.random)() * ceiling)
  }

  /** A connection that ends as soon as it is made gives no new start: two clients of one name would take it from each other without end. */
  #count(error: AetherError): void {
    const { settings, onWarning } = this.#options
    if (this.#readyAt !== undefined) {
      const isShort = performance.now() - this.#readyAt < settings.backoff.maxMs
      this.#readyAt = undefined
      this.#shortOnes = isShort ? this.#shortOnes + 1 : 0
      if (!isShort) this.#attempt = 0
      if (this.#attempt === 0) onWarning('the connection to the MQTT broker was lost', { error })
      if (this.#shortOnes === manyShortOnes)
        onWarning(
          'the broker ends connections as soon as they are made: has another client this client id?',
          {
            error,
            clientId: this.#clientId,
          },
        )
    }
    this.#attempt += 1
  }

  #mayFallBack(error: AetherError): boolean {
    if (this.#version === 4 || this.#options.settings.protocolVersion !== undefined) return false
    if (!isVersionRefusal(error)) return false
    this.#version = 4
    return true
  }

  #fail(error: AetherError): void {
    if (this.#isOver) return
    this.#stop()
    this.#set({ status: 'failed', error })
    void this.#connection?.end(false)
    this.#connection = undefined
    this.#refuse(error)
  }

  #refuse(error: AetherError): void {
    this.#starting?.reject(error)
    this.#starting = undefined
    this.#outbox.close(error)
    this.#subscriptions.close(error)
  }

  #stop(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#startTimer)
  }

  async #close(last: () => Promise<unknown>, { signal }: WaitOptions): Promise<void> {
    const { status } = this.#state
    if (status === 'failed') return
    this.#stop()
    const isReady = status === 'ready'
    const goodbye = isReady && signal?.aborted !== true ? this.#lastWords(last) : undefined
    this.#set({ status: 'closing' })
    if (goodbye) await within(this.#options.settings.closeTimeoutMs, signal, goodbye)
    const connection = this.#connection
    this.#connection = undefined
    const isSaid = isReady && this.#outbox.size === 0
    this.#refuse(closedError())
    if (connection) await this.#end(connection, isSaid, signal)
    this.#set({ status: 'closed' })
  }

  async #end(connection: Connection, isGraceful: boolean, signal: AbortSignal | undefined): Promise<void> {
    if (isGraceful && signal?.aborted !== true) {
      let isEnded = false
      const ended = connection.end(true).then(() => (isEnded = true))
      await within(this.#options.settings.closeTimeoutMs, signal, ended)
      if (isEnded) return
    }
    await connection.end(false)
  }

  async #lastWords(last: () => Promise<unknown>): Promise<void> {
    await last()
    await this.#outbox.drained()
  }
}

/** Resolves when `promise` has settled, after `timeoutMs`, or when the signal aborts. */
async function within(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  promise: Promise<unknown>,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  const given = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs)
    onAbort = resolve
    signal?.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([promise.catch(() => undefined), given])
  } finally {
    clearTimeout(timer)
    if (onAbort) signal?.removeEventListener('abort', onAbort)
  }
}
