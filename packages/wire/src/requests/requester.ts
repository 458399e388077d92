import type { Connection } from '../connection/connection.ts'
import { WireError } from '../errors.ts'
import type { FrameCursor } from '../frames/frame-cursor.ts'
import { readReply, readReplyError, ReplyFrame, writeRequest } from '../frames/request.ts'
import type { HeadersInput } from '../frames/headers.ts'
import { Message } from '../pubsub/message.ts'
import { invalid, type ResolvedOptions } from '../options.ts'
import type { Publisher } from '../pubsub/publisher.ts'
import { SlotTable } from '../slot-table.ts'
import { unlessAborted } from '../connection/wait.ts'
import { checkRequestTopic } from '../pubsub/topic.ts'

export interface RequestOptions {
  readonly headers?: HeadersInput
  /** How long the answer may take. @default 10_000 */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

interface PendingRequest {
  readonly topic: string
  /** Monotonic milliseconds. */
  readonly expiresAt: number
  readonly resolve: (reply: Message) => void
  readonly reject: (error: unknown) => void
}

/** The broker answers at the timeout itself; the client looks a little later, in case the broker does not. */
const GRACE_MS = 500
const SWEEP_MS = 250

/** The asking half of request/reply. */
export class Requester {
  readonly #connection: Connection
  readonly #publisher: Publisher
  readonly #options: ResolvedOptions
  readonly #pending = new SlotTable<PendingRequest>()
  readonly #frame = new ReplyFrame()
  #sweeper: ReturnType<typeof setInterval> | undefined

  constructor(connection: Connection, publisher: Publisher, options: ResolvedOptions) {
    this.#connection = connection
    this.#publisher = publisher
    this.#options = options
  }

  /** One promise a request, while there is a connection and no signal. */
  request(topic: string, payload: Uint8Array, options: RequestOptions): Promise<Message> {
    const { timeoutMs = 10_000, signal, headers } = options
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > 0xffff_ffff) {
      return Promise.reject(invalid('timeoutMs', 'a whole number from 1 to 4294967295', timeoutMs))
    }
    if (signal !== undefined || !this.#connection.ready)
      return this.#requestLater(topic, payload, timeoutMs, options)
    return new Promise((resolve, reject) => this.#send(topic, payload, headers, timeoutMs, resolve, reject))
  }

  onReply(cursor: FrameCursor): void {
    const frame = this.#frame
    readReply(cursor, frame)
    const pending = this.#pending.remove(frame.correlation)
    // The one who asked has given up.
    if (pending === undefined) return
    if (frame.failed) pending.reject(readReplyError(cursor))
    else
      pending.resolve(new Message(pending.topic, cursor.bytes, frame.headersAt, frame.payloadAt, frame.end))
  }

  onLost(error: WireError): void {
    for (const [id, pending] of this.#pending.entries()) {
      this.#pending.remove(id)
      pending.reject(error)
    }
    this.#stopSweeper()
  }

  async #requestLater(
    topic: string,
    payload: Uint8Array,
    timeoutMs: number,
    options: RequestOptions,
  ): Promise<Message> {
    const { signal, headers } = options
    signal?.throwIfAborted()
    while (!this.#connection.ready) {
      checkRequestTopic(topic)
      await unlessAborted(this.#connection.whenReady(), signal)
      signal?.throwIfAborted()
    }
    if (signal !== undefined) return this.#sendAbortable(topic, payload, headers, timeoutMs, signal)
    return new Promise((resolve, reject) => this.#send(topic, payload, headers, timeoutMs, resolve, reject))
  }

  #sendAbortable(
    topic: string,
    payload: Uint8Array,
    headers: HeadersInput,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Message> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#pending.remove(id)
        reject(signal.reason)
      }
      const leave = (): void => signal.removeEventListener('abort', onAbort)
      signal.addEventListener('abort', onAbort, { once: true })
      const onReply = (reply: Message): void => {
        leave()
        resolve(reply)
      }
      const onError = (error: unknown): void => {
        leave()
        reject(error)
      }
      const id = this.#send(topic, payload, headers, timeoutMs, onReply, onError)
    })
  }

  #send(
    topic: string,
    payload: Uint8Array,
    headers: HeadersInput,
    timeoutMs: number,
    resolve: (reply: Message) => void,
    reject: (error: unknown) => void,
  ): number {
    try {
      const topicId = this.#publisher.idOf(topic)
      this.#check(topic, payload, headers)
      const id = this.#pending.add({
        topic,
        expiresAt: performance.now() + timeoutMs + GRACE_MS,
        resolve,
        reject,
      })
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS)
      writeRequest(this.#connection.writer, id, timeoutMs, topicId, topic, headers, payload)
      this.#connection.wrote()
      return id
    } catch (error) {
      reject(error)
      return 0
    }
  }

  #check(topic: string, payload: Uint8Array, headers: HeadersInput): void {
    if (this.#pending.size >= this.#options.maxPending) {
      throw new WireError(
        'ERR_AETHER_QUEUE_FULL',
        `${this.#options.maxPending} requests are pending already.`,
        { retryable: true },
      )
    }
    this.#connection.checkRoom()
    this.#connection.checkSize(15 + 3 * topic.length, headers, payload.length)
  }

  /** One timer for all: one for each request would cost more than the request. */
  #sweep(): void {
    const now = performance.now()
    for (const [id, pending] of this.#pending.entries()) {
      if (pending.expiresAt > now) continue
      this.#pending.remove(id)
      pending.reject(
        new WireError('ERR_AETHER_REQUEST_TIMEOUT', `No answer on ${pending.topic} in time.`, {
          retryable: true,
        }),
      )
    }
    if (this.#pending.size === 0) this.#stopSweeper()
  }

  #stopSweeper(): void {
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}
