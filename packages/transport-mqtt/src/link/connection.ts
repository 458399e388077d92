import { Socket } from 'node:net'
import type { AetherError } from '@aether/core'
import {
  connect,
  type IClientOptions,
  type IClientPublishOptions,
  type IPublishPacket,
  type MqttClient,
} from 'mqtt'
import { connectionError, lostError, noGroupsError, openingError, reasonError } from '../errors.ts'
import type { MqttSettings, MqttTarget } from '../options.ts'

/** Retained by the broker when the connection ends without a goodbye. */
export interface Will {
  readonly topic: string
  readonly payload: Buffer
  /** Seconds that it stays. */
  readonly messageExpiryInterval: number
}

export interface ConnectionOptions {
  readonly settings: MqttSettings
  readonly target: MqttTarget
  readonly version: 4 | 5
  readonly clientId: string
  readonly will: Will | undefined
}

/** What the broker said of itself. */
export interface Session {
  readonly version: 4 | 5
  /** Publications that may be unconfirmed at a time. */
  readonly receiveMaximum: number
  readonly maximumPacketSize: number
  readonly hasSharedSubscriptions: boolean
  /** Messages tell which subscription they are for. */
  readonly hasSubscriptionIds: boolean
  readonly mayRetain: boolean
  readonly maximumQos: 0 | 1
}

export interface ConnectionEvents {
  onOpen(session: Session): void
  onMessage(topic: string, payload: Buffer, packet: IPublishPacket): void
  /** Once, whether it had been open or not. */
  onClosed(error: AetherError): void
}

/** An own bound besides the broker's: mqtt.js counts packet ids round without looking which are in use. */
const mostUnconfirmed = 1_024
/** Publications the broker may have out to us; Mosquitto allows 20 where nobody asks for more. */
const receiveMaximum = 1_024

/** One connection of mqtt.js, from its beginning to its end: it neither reconnects nor subscribes by itself. */
export class Connection {
  /** Undefined where mqtt.js would not even begin. */
  readonly #client: MqttClient | undefined
  readonly #where: string
  readonly #events: ConnectionEvents
  readonly #version: 4 | 5
  /** Of the PUBACK at hand: mqtt.js hands the publication to its callback, not the answer. */
  #pubackReason = 0
  #isOpen = false
  #isOver = false
  #isGathering = false
  #ending: Promise<void> | undefined

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    const { target, version } = options
    this.#where = `${target.protocol}://${target.host}:${target.port}`
    this.#events = events
    this.#version = version
    this.#client = this.#begin(options)
  }

  #begin(options: ConnectionOptions): MqttClient | undefined {
    const { target } = options
    let client: MqttClient
    try {
      client = connect(clientOptions(options))
    } catch (error) {
      // Certificates that cannot be read, say. Told as everything else is: later, and once.
      queueMicrotask(() => this.#over(openingError(error, target)))
      return undefined
    }
    const failure = (error: unknown): AetherError =>
      this.#isOpen ? connectionError(error, this.#where, true) : openingError(error, target)
    client.on('connect', () => {
      if (this.#isOver) return
      this.#isOpen = true
      withoutDelay(client)
      this.#events.onOpen(this.#session(client))
    })
    client.on('packetreceive', (packet) => {
      this.#gather(client)
      if (packet.cmd === 'puback') this.#pubackReason = packet.reasonCode ?? 0
    })
    client.on('message', (topic, payload, packet) => {
      if (!this.#isOver) this.#events.onMessage(topic, payload, packet)
    })
    client.on('disconnect', ({ reasonCode = 0 }) =>
      this.#over(reasonError(reasonCode, `${this.#where} ended the connection`)),
    )
    client.on('error', (error) => this.#over(failure(error)))
    client.on('close', () => {
      this.#over(this.#isOpen ? lostError(`${this.#where} closed the connection`) : failure(undefined))
    })
    return client
  }

  /** What is written in this turn goes out together: mqtt.js handles each packet in a tick of its own, and would make a system call for each PUBACK. */
  #gather({ stream }: MqttClient): void {
    if (this.#isGathering || this.#isOver) return
    this.#isGathering = true
    stream.cork()
    setImmediate(() => {
      this.#isGathering = false
      stream.uncork()
    })
  }

  /** Calls `done` with the reason of the PUBACK, or with what went wrong; not at all where the connection ends before. */
  publish(
    topic: string,
    payload: Buffer,
    given: {
      readonly options: IClientPublishOptions
      readonly done: (reason: number, error?: AetherError) => void
    },
  ): void {
    const client = this.#client
    if (!client) return
    this.#gather(client)
    client.publish(topic, payload, given.options, (error) => {
      if (this.#isOver) return
      const { code } = (error ?? {}) as { code?: unknown }
      if (!error) given.done(given.options.qos === 1 ? this.#pubackReason : 0)
      else if (typeof code === 'number')
        given.done(code, reasonError(code, 'the broker refused a message', error))
      else given.done(0, connectionError(error, this.#where))
    })
  }

  /** Rejects with what the broker says, or with `ERR_AETHER_TRANSPORT_LOST`. */
  subscribe(
    filter: string,
    options: { readonly qos: 0 | 1; readonly id: number | undefined },
  ): Promise<void> {
    const { qos, id } = options
    const properties = id !== undefined && { properties: { subscriptionIdentifier: id } }
    return new Promise((resolve, reject) => {
      this.#client?.subscribe(filter, { qos, ...properties }, (error, _granted, packet) => {
        if (!error) return resolve()
        const reason = packet?.granted.find((granted) => typeof granted === 'number' && granted >= 0x80)
        reject(this.#refusal(error, filter, reason as number | undefined))
      })
    })
  }

  /** Resolves when the broker has confirmed it, or the connection is over. */
  unsubscribe(filter: string): Promise<void> {
    const client = this.#client
    if (!client) return Promise.resolve()
    return new Promise((resolve) => client.unsubscribe(filter, () => resolve()))
  }

  /**
   * Ends it: with a DISCONNECT, after which the broker sends no will, or at once. Resolves when the socket is closed; a goodbye waits for what the broker has yet to
   * answer, and for its own, which may never come: then end it at once.
   */
  end(isGraceful: boolean): Promise<void> {
    this.#isOver = true
    const client = this.#client
    if (!client) return Promise.resolve()
    const isForced = !isGraceful || !this.#isOpen
    if (this.#ending && isForced) client.stream.destroy()
    this.#ending ??= new Promise((resolve) => {
      // mqtt.js calls back only where it came to its end by itself.
      client.stream.once('close', resolve)
      client.end(isForced, () => resolve())
    })
    return this.#ending
  }

  #over(error: AetherError): void {
    if (this.#isOver) return
    this.#isOver = true
    // Errors that are none of the socket's leave it open.
    this.#client?.end(true)
    this.#events.onClosed(error)
  }

  #refusal(error: Error, filter: string, reason: number | undefined): AetherError {
    if (this.#isOver) return lostError(`${this.#where}: the connection ended`)
    if (reason === undefined) return connectionError(error, this.#where)
    // 3.1.1 knows but one code for every refusal.
    if (this.#version === 4 && reason === 0x80 && filter.startsWith('$share/'))
      return noGroupsError(`${this.#where} refused ${filter}`)
    return reasonError(reason, `${this.#where} refused the subscription ${filter}`, error)
  }

  #session({ serverProperties: properties = {} }: MqttClient): Session {
    const isNew = this.#version === 5
    return {
      version: this.#version,
      receiveMaximum: Math.min(properties.receiveMaximum ?? mostUnconfirmed, mostUnconfirmed),
      maximumPacketSize: properties.maximumPacketSize ?? Infinity,
      hasSharedSubscriptions: !isNew || isAvailable(properties.sharedSubscriptionAvailable),
      hasSubscriptionIds: isNew && isAvailable(properties.subscriptionIdentifiersAvailable),
      mayRetain: isAvailable(properties.retainAvailable),
      maximumQos: properties.maximumQoS === 0 ? 0 : 1,
    }
  }
}

/** Small packets wait for nothing: with Nagle's algorithm each side waits for the other's delayed acknowledgement. WebSockets see to it themselves. */
function withoutDelay({ stream }: MqttClient): void {
  if (stream instanceof Socket) stream.setNoDelay(true)
}

/** MQTT 5: what the broker does not mention it can do. */
function isAvailable(property: boolean | number | undefined): boolean {
  return property === undefined || property === true || property === 1
}

function clientOptions({ settings, target, version, clientId, will }: ConnectionOptions): IClientOptions {
  const { protocol, host, port, path, username, password } = target
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = settings.tls
  const tls = {
    ...(ca !== undefined && { ca: toPem(ca) }),
    ...(cert !== undefined && { cert: toPem(cert) }),
    ...(key !== undefined && { key: toPem(key) }),
    ...(passphrase !== undefined && { passphrase }),
    ...(servername !== undefined && { servername }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  }
  return {
    protocol,
    host,
    hostname: host,
    port,
    ...(path !== '' && { path }),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...tls,
    clientId,
    clean: true,
    keepalive: settings.keepAliveSeconds,
    connectTimeout: settings.attemptTimeoutMs,
    protocolVersion: version,
    // The link reconnects and subscribes again: one state machine, not two.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: 'native',
    // By default every packet is formatted for the package `debug`, heard or not.
    log: () => undefined,
    ...(version === 5 && { properties: { receiveMaximum } }),
    ...(will && { will: willOf(will, version) }),
  }
}

function willOf(will: Will, version: 4 | 5): NonNullable<IClientOptions['will']> {
  const { topic, payload, messageExpiryInterval } = will
  // Without an expiry it would stay for ever, of every client that ever died: there nothing is left in its place.
  if (version === 4) return { topic, payload: Buffer.alloc(0), retain: true, qos: 1 }
  return { topic, payload, retain: true, qos: 1, properties: { messageExpiryInterval } }
}

function toPem(value: string | Uint8Array): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value)
}
