import type { AetherError } from '@aether/core'
import type { IPublishPacket } from 'mqtt'
import { lostError, pendingError, timeoutError } from '../errors.ts'
import type { Connection, Session } from './connection.ts'

export interface SubscriptionOptions {
  /** Of the form of MQTT, `$share/…` included. */
  readonly filter: string
  readonly qos: 0 | 1
  /** Whether what the broker retains counts; elsewhere it is of a time that is over. @default false */
  readonly isRetained?: boolean
}

export interface Subscription {
  /** Idempotent; resolves when nothing more comes. */
  close(): Promise<void>
}

export type MessageHandler = (topic: string, payload: Buffer, packet: IPublishPacket) => void

interface Entry extends SubscriptionOptions {
  readonly id: number
  readonly handler: MessageHandler
  /** The topic filter as levels, without the share. */
  readonly levels: readonly string[]
  /** The connection over which the broker confirmed it. */
  on: Connection | undefined
  waiter: { readonly resolve: () => void; readonly reject: (error: AetherError) => void } | undefined
}

export interface SubscriptionsOptions {
  readonly maxPending: number
  readonly connectTimeoutMs: number
  /** A message that no subscription is for, or that its handler did not take. */
  readonly onIgnored: (topic: string, error: unknown) => void
}

/** The subscriptions of one link: made over each new connection, and found for each message. No two of them have the same filter. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions
  readonly #entries = new Map<number, Entry>()
  /** Closed, and the broker may send for them until it has confirmed that. */
  readonly #leaving = new Set<Entry>()
  #lastId = 0
  #connection: Connection | undefined
  /** The same, or the one over which they are about to be made. */
  #newest: Connection | undefined
  #hasIds = false
  #wasOpen = false

  constructor(options: SubscriptionsOptions) {
    this.#options = options
  }

  async add(options: SubscriptionOptions, handler: MessageHandler): Promise<Subscription> {
    const id = ++this.#lastId
    const levels = options.filter.split('/').slice(options.filter.startsWith('$share/') ? 2 : 0)
    const entry: Entry = { ...options, id, handler, levels, on: undefined, waiter: undefined }
    const connection = this.#connection
    this.#entries.set(id, entry)
    try {
      if (connection) await this.#subscribe(entry, connection)
      else await this.#wait(entry)
    } catch (error) {
      // The broker may know it by now. Nobody waits for its answer, which does not reject.
      void this.#remove(entry)
      throw error
    }
    return { close: () => this.#remove(entry) }
  }

  /** Makes them all over a new connection; rejects where one is refused. */
  async restore(connection: Connection, session: Session): Promise<void> {
    this.#newest = connection
    this.#hasIds = session.hasSubscriptionIds
    // Others may be asked for meanwhile.
    for (let missing = this.#missing(connection); missing.length > 0; missing = this.#missing(connection)) {
      await Promise.all(missing.map((entry) => this.#ask(entry, connection)))
    }
    this.#connection = connection
    this.#wasOpen = true
    for (const entry of this.#entries.values()) {
      entry.waiter?.resolve()
      entry.waiter = undefined
    }
  }

  lost(): void {
    this.#connection = undefined
    this.#newest = undefined
  }

  close(error: AetherError): void {
    this.lost()
    for (const { waiter } of this.#entries.values()) waiter?.reject(error)
    this.#entries.clear()
  }

  hear(topic: string, payload: Buffer, packet: IPublishPacket): void {
    const id = packet.properties?.subscriptionIdentifier
    if (id === undefined) return this.#hearByTopic(topic, payload, packet)
    if (typeof id === 'number') return this.#tell(this.#entries.get(id), topic, payload, packet)
    for (const one of id as readonly number[]) this.#tell(this.#entries.get(one), topic, payload, packet)
  }

  /** Without identifiers filters that overlap would be told twice, so whoever makes them sees to it that they do not. */
  #hearByTopic(topic: string, payload: Buffer, packet: IPublishPacket): void {
    const levels = topic.split('/')
    let isOurs = false
    for (const entry of this.#entries.values()) {
      if (!matches(entry.levels, levels)) continue
      isOurs = true
      this.#tell(entry, topic, payload, packet)
    }
    for (const entry of this.#leaving) isOurs ||= matches(entry.levels, levels)
    if (!isOurs) this.#options.onIgnored(topic, undefined)
  }

  #tell(entry: Entry | undefined, topic: string, payload: Buffer, packet: IPublishPacket): void {
    // Undefined: closed, and its last messages were on their way.
    if (!entry) return
    if (packet.retain && entry.isRetained !== true) return this.#options.onIgnored(topic, undefined)
    try {
      entry.handler(topic, payload, packet)
    } catch (error) {
      this.#options.onIgnored(topic, error)
    }
  }

  #missing(connection: Connection): Entry[] {
    return [...this.#entries.values()].filter(({ on }) => on !== connection)
  }

  async #ask(entry: Entry, connection: Connection): Promise<void> {
    await connection.subscribe(entry.filter, { qos: entry.qos, id: this.#hasIds ? entry.id : undefined })
    entry.on = connection
    // Closed, or given up, while the broker was asked: it would go on sending, and of a workgroup's tasks a share.
    if (connection === this.#newest && !this.#entries.has(entry.id))
      await this.#unsubscribe(entry, connection)
  }

  async #unsubscribe(entry: Entry, connection: Connection): Promise<void> {
    this.#leaving.add(entry)
    await connection.unsubscribe(entry.filter)
    this.#leaving.delete(entry)
  }

  async #subscribe(entry: Entry, connection: Connection): Promise<void> {
    try {
      await this.#ask(entry, connection)
    } catch (error) {
      // The connection ended meanwhile: the next one makes it.
      if (connection === this.#connection || !this.#entries.has(entry.id)) throw error
      if (entry.on === undefined || entry.on === connection) await this.#wait(entry)
    }
  }

  async #wait(entry: Entry): Promise<void> {
    const { maxPending, connectTimeoutMs } = this.#options
    let waiting = 0
    for (const { waiter } of this.#entries.values()) if (waiter) waiting += 1
    // Those that are made before the first connection are the transport's own.
    if (this.#wasOpen && waiting >= maxPending) throw pendingError(maxPending)
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        entry.waiter = { resolve, reject }
        timer = setTimeout(() => reject(timeoutError(connectTimeoutMs)), connectTimeoutMs)
      })
    } finally {
      clearTimeout(timer)
      entry.waiter = undefined
    }
  }

  async #remove(entry: Entry): Promise<void> {
    if (!this.#entries.delete(entry.id)) return
    entry.waiter?.reject(lostError('the subscription was closed'))
    if (entry.on !== undefined && entry.on === this.#newest) await this.#unsubscribe(entry, entry.on)
  }
}

function matches(filter: readonly string[], topic: readonly string[]): boolean {
  if (filter.length !== topic.length) return false
  for (const [index, level] of filter.entries()) if (level !== '+' && level !== topic[index]) return false
  return true
}
