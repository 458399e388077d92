import { closedError } from '../connection/connection-errors.ts'
import type { Connection } from '../connection/connection.ts'
import { isOver } from '../connection/connection-state.ts'
import { WireError } from '../errors.ts'
import type { FrameCursor } from '../frames/frame-cursor.ts'
import {
  readRequest,
  RequestFrame,
  writeReply,
  writeReplyError,
  writeServe,
  writeUnserve,
} from '../frames/request.ts'
import type { HeadersInput } from '../frames/headers.ts'
import { Message } from '../pubsub/message.ts'
import { invalid, wholeNumber } from '../options.ts'
import { confirmedOrResumed, PromiseWaiter } from '../connection/promise-waiter.ts'
import type { Subscriber } from '../pubsub/subscriber.ts'
import { checkTopic } from '../pubsub/topic.ts'

/** An answer: a payload alone, or with headers. */
export type Answer = Uint8Array | { readonly payload: Uint8Array; readonly headers?: HeadersInput }

/** Answers one request; throwing tells the one who asked `ERR_AETHER_TASK_FAILED`, or the code of the Aether error thrown. */
export type RequestHandler = (request: Message) => Answer | Promise<Answer>

export interface ServeOptions {
  /** Requests taken at a time. @default 64 */
  readonly concurrency?: number
}

export interface Serving {
  readonly topic: string
  /** Takes no more requests; those begun are still answered. Idempotent. */
  close(): Promise<void>
}

interface Served extends Serving {
  readonly handler: RequestHandler
  readonly credit: number
}

/** The answering half of request/reply. */
export class Server {
  readonly #connection: Connection
  readonly #subscriber: Subscriber
  readonly #onWarning: (error: WireError) => void
  readonly #served = new Map<string, Served>()
  readonly #frame = new RequestFrame()

  constructor(connection: Connection, subscriber: Subscriber, onWarning: (error: WireError) => void) {
    this.#connection = connection
    this.#subscriber = subscriber
    this.#onWarning = onWarning
  }

  async serve(topic: string, handler: RequestHandler, options: ServeOptions): Promise<Serving> {
    checkTopic(topic)
    if (typeof handler !== 'function') throw invalid('handler', 'a function', handler)
    const credit = wholeNumber('concurrency', options.concurrency, 64, 1, 1_000_000)
    while (!this.#connection.ready) await this.#connection.whenReady()
    if (this.#served.has(topic)) {
      throw new WireError('ERR_AETHER_HANDLER_DUPLICATE', `This client serves ${topic} already.`, {
        detail: { topic },
      })
    }
    const served: Served = { topic, handler, credit, close: () => this.#leave(served) }
    this.#served.set(topic, served)
    try {
      const waiter = new PromiseWaiter()
      writeServe(this.#connection.writer, topic, credit)
      this.#connection.sent(waiter)
      await confirmedOrResumed(this.#connection, waiter)
    } catch (error) {
      this.#served.delete(topic)
      throw error
    }
    return served
  }

  onRequest(cursor: FrameCursor): void {
    const frame = this.#frame
    readRequest(cursor, frame)
    const topic = frame.topicId === 0 ? frame.topic : this.#subscriber.topicOf(frame.topicId)
    const correlation = frame.correlation
    const served = this.#served.get(topic)
    if (served === undefined)
      return this.#fail(
        correlation,
        new WireError('ERR_AETHER_RESPONDERS_NONE', `Nobody serves ${topic} any more.`),
      )
    const request = new Message(topic, cursor.bytes, frame.headersAt, frame.payloadAt, frame.end)
    try {
      const answer = served.handler(request)
      if (answer instanceof Promise) this.#settle(correlation, answer)
      else this.#answer(correlation, answer)
    } catch (error) {
      this.#fail(correlation, error)
    }
  }

  onReady(): void {
    for (const { topic, credit } of this.#served.values()) {
      writeServe(this.#connection.writer, topic, credit)
      this.#connection.sent({
        confirmed: () => {},
        refused: (error) => {
          if (error.code !== 'ERR_AETHER_TRANSPORT_LOST') this.#onWarning(error)
        },
      })
    }
  }

  onLost(): void {
    if (isOver(this.#connection.state)) this.#served.clear()
  }

  #settle(correlation: number, answer: Promise<Answer>): void {
    const generation = this.#connection.generation
    answer.then(
      (value) => {
        if (generation !== this.#connection.generation) return
        try {
          this.#answer(correlation, value)
        } catch (error) {
          this.#fail(correlation, error)
        }
      },
      (error: unknown) => {
        if (generation === this.#connection.generation) this.#fail(correlation, error)
      },
    )
  }

  #answer(correlation: number, answer: Answer): void {
    if (!this.#connection.ready) return
    const payload = answer instanceof Uint8Array ? answer : answer?.payload
    if (!(payload instanceof Uint8Array))
      throw new WireError('ERR_AETHER_OUTPUT_INVALID', 'The handler did not answer with bytes.')
    const headers = answer instanceof Uint8Array ? undefined : answer.headers
    this.#connection.checkSize(6, headers, payload.length)
    writeReply(this.#connection.writer, correlation, headers, payload)
    this.#connection.wrote()
  }

  #fail(correlation: number, error: unknown): void {
    if (!this.#connection.ready) return
    const { code, message } = shapeOf(error)
    writeReplyError(this.#connection.writer, correlation, code, message)
    this.#connection.wrote()
  }

  async #leave(served: Served): Promise<void> {
    if (this.#served.get(served.topic) !== served) return
    this.#served.delete(served.topic)
    if (!this.#connection.ready) return
    const waiter = new PromiseWaiter()
    writeUnserve(this.#connection.writer, served.topic)
    this.#connection.sent(waiter)
    // A connection that ends has forgotten it too.
    await waiter.promise.catch((error: WireError) => {
      if (error.code !== 'ERR_AETHER_TRANSPORT_LOST' && error.code !== closedError().code) throw error
    })
  }
}

/** Whatever a handler threw: what is no error of ours, or cannot be read at all, must still become an answer. */
function shapeOf(thrown: unknown): { readonly code: string; readonly message: string } {
  const failed = 'ERR_AETHER_TASK_FAILED'
  try {
    const code = (thrown as { code?: unknown } | undefined)?.code
    const isKnown = typeof code === 'string' && /^ERR_AETHER_[A-Z_]{1,100}$/.test(code)
    const message = thrown instanceof Error ? String(thrown.message) : String(thrown)
    return { code: isKnown ? code : failed, message }
  } catch {
    return { code: failed, message: 'What was thrown cannot be read.' }
  }
}
