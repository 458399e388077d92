import type { AetherError } from '@aether/core'
import type { IClientPublishOptions } from 'mqtt'
import { lostError, pendingError, timeoutError, tooLargeError } from '../errors.ts'
import type { Connection, Session } from './connection.ts'

/** What is published, and what becomes of it. */
export interface Publication {
  readonly topic: string
  readonly payload: Buffer
  readonly options: IClientPublishOptions
  /** Waits for a connection, and is said again where one ended before it was confirmed; otherwise it fails then. */
  readonly waits: boolean
  readonly signal?: AbortSignal | undefined
}

interface Entry {
  readonly publication: Publication
  /** With the reason code of the PUBACK; 0 for quality of service 0. */
  readonly resolve: (reason: number) => void
  readonly reject: (error: unknown) => void
  onAbort: (() => void) | undefined
  /** Until when it may wait without a connection; monotonic milliseconds. */
  waitsUntil: number
  /** The longest of what was under way when a connection ended: it may be why. */
  isSuspect: boolean
  /** Connections that ended while it alone was under way. */
  losses: number
  isSettled: boolean
}

/** So often it was alone when the connection ended: it is why. A broker of MQTT 3.1.1 says no other way that a packet is too large. */
const mostLosses = 2

/** Every broker takes as much; a shorter packet that is lost twice was merely under way when links were bad. */
const leastSuspectBytes = 8_192

/** Room for the fixed header and the properties beside topic and payload. */
const headBytes = 128

/** All that is published over one link, in order: never more unconfirmed than the broker allows, and bounded while there is no connection. */
export class Outbox {
  readonly #maxPending: number
  readonly #connectTimeoutMs: number
  readonly #waiting = new Set<Entry>()
  readonly #flying = new Set<Entry>()
  #connection: Connection | undefined
  #window = 0
  #maxPacketBytes = Infinity
  /** The shortest packet over which this broker has ended a connection, where it had not said its limit. */
  #refusedBytes = Infinity
  /** A suspect is under way, and nothing beside it. */
  #suspect: Entry | undefined
  #maximumQos: 0 | 1 = 1
  #timer: NodeJS.Timeout | undefined
  #lastError: AetherError | undefined
  #onDrained: (() => void) | undefined

  constructor(options: { readonly maxPending: number; readonly connectTimeoutMs: number }) {
    this.#maxPending = options.maxPending
    this.#connectTimeoutMs = options.connectTimeoutMs
  }

  /** How many wait or are unconfirmed. */
  get size(): number {
    return this.#waiting.size + this.#flying.size
  }

  /** Resolves when the broker has confirmed everything. For one at a time. */
  drained(): Promise<void> {
    if (this.size === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#onDrained = resolve))
  }

  publish(publication: Publication): Promise<number> {
    return new Promise((resolve, reject) => {
      const { signal, waits } = publication
      if (signal?.aborted) return reject(signal.reason)
      if (!this.#connection && !waits) return reject(lostError('there is no connection to the broker'))
      if (this.#waiting.size >= this.#maxPending) return reject(pendingError(this.#maxPending))
      const entry: Entry = {
        publication,
        resolve,
        reject,
        onAbort: undefined,
        waitsUntil: 0,
        isSuspect: false,
        losses: 0,
        isSettled: false,
      }
      if (signal) this.#watch(entry, signal)
      if (this.#connection && this.#waiting.size === 0 && this.#mayFly(entry))
        return this.#fly(entry, this.#connection)
      this.#wait(entry)
    })
  }

  opened(connection: Connection, session: Session): void {
    this.#connection = connection
    this.#window = session.receiveMaximum
    this.#maxPacketBytes = session.maximumPacketSize
    this.#maximumQos = session.maximumQos
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pump()
  }

  /** How long a packet should be at most, where that is a matter of choice. */
  get maxPacketBytes(): number {
    return Math.min(this.#maxPacketBytes, this.#refusedBytes / 2)
  }

  /** What was under way is said again over the next connection, before what came later; what may be why this one ended by itself, after the rest. */
  lost(error: AetherError): void {
    this.#lastError = error
    // Further attempts that fail change nothing for those who wait already.
    if (!this.#connection) return
    this.#connection = undefined
    const waiting = [...this.#waiting]
    const suspect = this.#findSuspect(error)
    const flying = [...this.#flying].filter((entry) => entry !== suspect)
    this.#flying.clear()
    this.#waiting.clear()
    for (const entry of suspect ? [...flying, suspect, ...waiting] : [...flying, ...waiting]) {
      if (entry.isSettled) continue
      if (entry.publication.waits || entry.isSuspect) this.#wait(entry)
      else this.#settle(entry, lostError('the connection ended before it was confirmed'))
    }
  }

  /** Which packet the connection may have ended for; one that surely was too large is refused. */
  #findSuspect(error: AetherError): Entry | undefined {
    const alone = this.#suspect
    this.#suspect = undefined
    // Where the broker says its limit, nothing longer goes out.
    if (this.#maxPacketBytes !== Infinity) return undefined
    let longest: Entry | undefined
    for (const entry of this.#flying)
      if (!longest || packetBytes(entry) > packetBytes(longest)) longest = entry
    const isTold = error.code === 'ERR_AETHER_PAYLOAD_TOO_LARGE'
    if (!longest || (!isTold && packetBytes(longest) < leastSuspectBytes)) return undefined
    longest.isSuspect = true
    if (alone) longest.losses += 1
    if (longest.losses < mostLosses && !isTold) return longest
    this.#refusedBytes = Math.min(this.#refusedBytes, packetBytes(longest))
    this.#settle(longest, tooLargeError(packetBytes(longest)))
    return undefined
  }

  /** Everything that is left is refused. */
  close(error: AetherError): void {
    this.#connection = undefined
    clearTimeout(this.#timer)
    for (const entry of [...this.#flying, ...this.#waiting]) this.#settle(entry, error)
    this.#flying.clear()
    this.#waiting.clear()
  }

  #pump(): void {
    for (const entry of this.#waiting) {
      if (!this.#connection || !this.#mayFly(entry)) return
      this.#waiting.delete(entry)
      this.#fly(entry, this.#connection)
    }
  }

  #mayFly({ isSuspect }: Entry): boolean {
    if (this.#suspect) return false
    return this.#flying.size < (isSuspect ? 1 : this.#window)
  }

  #fly(entry: Entry, connection: Connection): void {
    const { topic, payload, options } = entry.publication
    const bytes = packetBytes(entry)
    if (bytes > this.#maxPacketBytes) return this.#settle(entry, tooLargeError(bytes, this.#maxPacketBytes))
    if (bytes >= this.#refusedBytes) return this.#settle(entry, tooLargeError(bytes))
    if (entry.isSuspect) this.#suspect = entry
    this.#flying.add(entry)
    const allowed = this.#maximumQos === 0 && options.qos !== 0 ? { ...options, qos: 0 as const } : options
    connection.publish(topic, payload, {
      options: allowed,
      done: (reason, error) => {
        if (connection !== this.#connection) return
        this.#flying.delete(entry)
        if (entry === this.#suspect) this.#suspect = undefined
        this.#settle(entry, error, reason)
        if (this.#waiting.size > 0) this.#pump()
        else if (this.#flying.size === 0) this.#onDrained?.()
      },
    })
  }

  #wait(entry: Entry): void {
    this.#waiting.add(entry)
    if (this.#connection) return
    entry.waitsUntil = performance.now() + this.#connectTimeoutMs
    this.#arm(this.#connectTimeoutMs)
  }

  #arm(delayMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#expire()
    }, delayMs)
  }

  /** They stand in the order in which they began to wait. */
  #expire(): void {
    const now = performance.now()
    for (const entry of this.#waiting) {
      if (entry.waitsUntil > now) return this.#arm(entry.waitsUntil - now + 1)
      this.#waiting.delete(entry)
      this.#settle(entry, timeoutError(this.#connectTimeoutMs, this.#lastError))
    }
  }

  #watch(entry: Entry, signal: AbortSignal): void {
    entry.onAbort = () => {
      this.#waiting.delete(entry)
      this.#settle(entry, signal.reason)
    }
    signal.addEventListener('abort', entry.onAbort, { once: true })
  }

  /** Without an error the broker has it. */
  #settle(entry: Entry, error?: unknown, reason: number = 0): void {
    if (entry.isSettled) return
    entry.isSettled = true
    if (entry.onAbort) entry.publication.signal?.removeEventListener('abort', entry.onAbort)
    if (error === undefined) entry.resolve(reason)
    else entry.reject(error)
  }
}

/** At most. */
function packetBytes({ publication: { topic, payload } }: Entry): number {
  return payload.length + topic.length * 3 + headBytes
}
