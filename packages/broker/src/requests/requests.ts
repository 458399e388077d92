import {
  FRAME_HEAD,
  FrameCursor,
  FrameType,
  FrameWriter,
  readName,
  readReply,
  readReplyError,
  readRequest,
  readServe,
  ReplyFrame,
  RequestFrame,
  writeForwarded,
  writeReply,
  writeReplyError,
  writeRequest,
} from '@aether/wire'
import { isTopic, TimingWheel } from '@aether/engine'
import { checkPairs } from '../check-pairs.ts'
import type { Commands } from '../connection/commands.ts'
import type { Connection } from '../connection/connection.ts'
import { invalidTopic, payloadTooLarge } from '../errors.ts'
import type { Operator } from '../operator.ts'
import { type PendingRequest, PendingRequests } from './pending-request.ts'
import { type Responder, ServedTopic } from './served-topic.ts'
import type { Topic, Topics } from '../pubsub/topics.ts'

/** What a connection serves. */
export interface RequestState {
  readonly served: Map<string, ServedTopic>
}

export interface RequestLimits {
  readonly maxRequests: number
  readonly maxRequestTimeoutMs: number
  readonly maxPayloadBytes: number
  readonly maxSubscriptions: number
  /** Of all requests that wait for somebody with room. */
  readonly maxOutboundBytes: number
}

export interface RequestHost {
  readonly commands: Commands
  readonly topics: Topics
  readonly operator: Operator
  readonly isDraining: boolean
  now(): number
}

/** Request and reply: a request goes to one of those who serve its topic, its reply to the connection it came from. */
export class Requests {
  readonly #host: RequestHost
  readonly #limits: RequestLimits
  readonly #served = new Map<string, ServedTopic>()
  readonly #pending: PendingRequests
  readonly #wheel: TimingWheel<PendingRequest>
  readonly #cursor = new FrameCursor()
  readonly #request = new RequestFrame()
  readonly #reply = new ReplyFrame()
  /** Of the requests that wait for somebody with room. */
  #heldBytes = 0
  received = 0
  timedOut = 0
  readonly #expiry = { due: (request: PendingRequest): void => this.#timeOut(request) }

  constructor(host: RequestHost, limits: RequestLimits) {
    this.#host = host
    this.#limits = limits
    this.#pending = new PendingRequests(limits.maxRequests)
    this.#wheel = new TimingWheel(host.now())
  }

  get pending(): number {
    return this.#pending.size
  }

  /** Those whose requester is still there to hear the reply. */
  get awaited(): number {
    return this.#pending.awaited()
  }

  /** REQUEST */
  request(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const request = this.#request
    readRequest(this.#cursor.reset(bytes, start, end), request)
    checkPairs(bytes, request.headersAt + 2, request.payloadAt)
    this.received++
    const { correlation } = request
    const size = request.end - request.payloadAt
    if (size > this.#limits.maxPayloadBytes)
      return refuse(from, correlation, payloadTooLarge(size, this.#limits.maxPayloadBytes))
    const topic = request.topicId === 0 ? undefined : this.#host.topics.get(request.topicId)
    const name = request.topicId === 0 ? request.topic : topic?.name
    if (name === undefined) return refuse(from, correlation, invalidTopic(`#${request.topicId}`))
    if (name.startsWith('$')) return this.#operate(from, correlation, name)
    const served = this.#served.get(name)
    if (served === undefined || served.responders.length === 0) return refuseNone(from, correlation, name)
    if (this.#host.isDraining) return refuseLeaving(from, correlation)
    this.#accept(from, served, topic, bytes, start + 4)
  }

  /** REPLY */
  reply(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const reply = this.#reply
    readReply(this.#cursor.reset(bytes, start, end), reply)
    checkPairs(bytes, reply.headersAt + 2, reply.payloadAt)
    if (reply.failed) readReplyError(this.#cursor)
    const pending = this.#pending.find(reply.correlation)
    // Too late: its requester has been told of the timeout.
    if (pending === undefined || pending.responder?.connection !== from) return
    const requester = pending.requester!
    if (end - start >= requester.maxFrameBytes)
      refuse(requester, pending.correlation, tooLong('reply', end - start))
    else if (!requester.ended) {
      writeForwarded(requester.out, FrameType.REPLY, pending.correlation, bytes.subarray(start + 4, end))
      requester.touch()
    }
    this.#settle(pending)
  }

  /** SERVE, a command */
  serve(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const { topic, credit } = readServe(this.#cursor.reset(bytes, start, end))
    const { commands } = this.#host
    if (!isTopic(topic) || topic.startsWith('$')) return commands.refuse(from, invalidTopic(topic))
    from.requests ??= { served: new Map() }
    const { served } = from.requests
    if (served.has(topic)) {
      return commands.refuse(from, {
        code: 'ERR_AETHER_HANDLER_DUPLICATE',
        message: `This connection serves ${topic} already.`,
      })
    }
    if (served.size >= this.#limits.maxSubscriptions) {
      return commands.refuse(from, {
        code: 'ERR_AETHER_QUEUE_FULL',
        message: `More than ${this.#limits.maxSubscriptions} topics served.`,
      })
    }
    const all = this.#served.get(topic) ?? new ServedTopic(topic)
    this.#served.set(topic, all)
    all.responders.push({ connection: from, credit, used: 0 })
    served.set(topic, all)
    this.#dispatch(all)
  }

  /** UNSERVE, a command */
  unserve(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    const topic = readName(this.#cursor.reset(bytes, start, end))
    const served = from.requests?.served.get(topic)
    if (served === undefined) return
    from.requests!.served.delete(topic)
    this.#leave(served, from)
  }

  /** No new requests to a connection; its replies still count. */
  stop(connection: Connection): void {
    const served = connection.requests?.served
    if (served === undefined) return
    for (const topic of served.values()) this.#leave(topic, connection)
  }

  /** A connection has ended: what it worked on is lost, and its requesters are told. */
  forget(connection: Connection): void {
    const served = connection.requests?.served
    if (served === undefined) return
    connection.requests = undefined
    for (const request of this.#pending.servedBy(connection)) {
      refuse(request.requester!, request.correlation, {
        code: 'ERR_AETHER_TRANSPORT_LOST',
        message: `Whoever served ${request.topic!.name} is gone; whether it handled the request is unknown.`,
      })
      this.#settle(request)
    }
    for (const topic of served.values()) this.#leave(topic, connection)
  }

  nextDueAt(): number {
    return this.#wheel.nextAt()
  }

  run(now: number): void {
    this.#wheel.advance(now, this.#expiry)
  }

  #operate(from: Connection, correlation: number, name: string): void {
    const answer = this.#host.operator.answer(name)
    if (answer === undefined) return refuseNone(from, correlation, name)
    writeReply(from.out, correlation, undefined, answer)
    from.touch()
  }

  #accept(
    from: Connection,
    served: ServedTopic,
    topic: Topic | undefined,
    bytes: Uint8Array,
    restAt: number,
  ): void {
    const { correlation, timeoutMs, end } = this.#request
    const responder = served.first === undefined ? served.choose() : undefined
    if (responder === undefined && this.#heldBytes + end - restAt > this.#limits.maxOutboundBytes) {
      return refuse(from, correlation, {
        code: 'ERR_AETHER_QUEUE_FULL',
        message: `${this.#heldBytes} bytes of requests wait for somebody with room already: try again later, or serve ${served.name} in more places.`,
      })
    }
    const pending = this.#pending.take()
    if (pending === undefined) {
      return refuse(from, correlation, {
        code: 'ERR_AETHER_QUEUE_FULL',
        message: `${this.#limits.maxRequests} requests wait for replies already: try again later.`,
      })
    }
    const now = this.#host.now()
    const longest = this.#limits.maxRequestTimeoutMs
    pending.requester = from
    pending.correlation = correlation
    pending.topic = served
    this.#wheel.schedule(pending, now + (timeoutMs === 0 || timeoutMs > longest ? longest : timeoutMs))
    if (responder === undefined) {
      // Kept beyond this chunk, and maybe for someone who does not know the topic's id: so in full.
      pending.held = this.#byName(served.name, bytes)
      this.#heldBytes += pending.held.length
      served.wait(pending)
    } else if (topic === undefined) this.#send(pending, responder, bytes.subarray(restAt, end))
    else if (topic.retired) this.#send(pending, responder, this.#byName(served.name, bytes))
    else {
      topic.used = true
      this.#host.topics.tell(topic, responder.connection)
      this.#send(pending, responder, bytes.subarray(restAt, end))
    }
  }

  /** The request just read, after its correlation, with the name of its topic in place of an id. */
  #byName(name: string, bytes: Uint8Array): Uint8Array {
    const { timeoutMs, headersAt, payloadAt, end } = this.#request
    return encodeRequestRest(
      name,
      timeoutMs,
      bytes.subarray(headersAt + 2, payloadAt),
      bytes.subarray(payloadAt, end),
    )
  }

  #send(pending: PendingRequest, responder: Responder, rest: Uint8Array): void {
    if (rest.length + FRAME_HEAD > responder.connection.maxFrameBytes) {
      refuse(pending.requester!, pending.correlation, tooLong('request', rest.length))
      this.#settle(pending)
      return
    }
    pending.responder = responder
    responder.used++
    writeForwarded(responder.connection.out, FrameType.REQUEST, this.#pending.correlationOf(pending), rest)
    responder.connection.touch()
  }

  /** A request is over: what waits behind it may go. */
  #settle(pending: PendingRequest): void {
    const { responder, topic } = pending
    this.#wheel.cancel(pending)
    if (pending.held !== undefined) this.#unwait(pending)
    this.#pending.give(pending)
    if (responder === undefined) return
    responder.used--
    if (topic!.first !== undefined) this.#dispatch(topic!)
  }

  #dispatch(served: ServedTopic): void {
    for (let pending = served.first; pending !== undefined; pending = served.first) {
      if (pending.requester!.ended) {
        this.#settle(pending)
        continue
      }
      const responder = served.choose()
      if (responder === undefined) return
      this.#send(pending, responder, this.#unwait(pending))
    }
  }

  /** A request waits no more; returns its frame after the correlation. */
  #unwait(pending: PendingRequest): Uint8Array {
    const held = pending.held!
    pending.topic!.unwait(pending)
    pending.held = undefined
    this.#heldBytes -= held.length
    return held
  }

  #leave(served: ServedTopic, connection: Connection): void {
    served.remove(connection)
    if (served.responders.length > 0) return
    for (let pending = served.first; pending !== undefined; pending = served.first) {
      refuseNone(pending.requester!, pending.correlation, served.name)
      this.#settle(pending)
    }
    if (this.#served.get(served.name) === served) this.#served.delete(served.name)
  }

  #timeOut(request: PendingRequest): void {
    this.timedOut++
    refuse(request.requester!, request.correlation, {
      code: 'ERR_AETHER_REQUEST_TIMEOUT',
      message: `No reply on ${request.topic!.name} in time.`,
    })
    this.#settle(request)
  }
}

/** All of a REQUEST that follows its correlation, in bytes of its own. */
function encodeRequestRest(
  name: string,
  timeoutMs: number,
  headers: Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const writer = new FrameWriter()
  writeRequest(writer, 0, timeoutMs, 0, name, headers, payload)
  return Buffer.concat(writer.take()).subarray(FRAME_HEAD + 4)
}

function refuse(
  to: Connection,
  correlation: number,
  error: { readonly code: string; readonly message: string },
): void {
  if (to.ended) return
  writeReplyError(to.out, correlation, error.code, error.message)
  to.touch()
}

function refuseNone(to: Connection, correlation: number, topic: string): void {
  refuse(to, correlation, { code: 'ERR_AETHER_RESPONDERS_NONE', message: `Nobody serves ${topic}.` })
}

function refuseLeaving(to: Connection, correlation: number): void {
  refuse(to, correlation, { code: 'ERR_AETHER_TRANSPORT_CLOSED', message: 'The broker is shutting down.' })
}

/** A client says in HELLO how long its frames may be; a longer one would end its connection. */
function tooLong(what: string, bytes: number): { readonly code: string; readonly message: string } {
  return {
    code: 'ERR_AETHER_PAYLOAD_TOO_LARGE',
    message: `A ${what} of ${bytes} bytes is longer than its receiver accepts: send less, or raise the maxFrameBytes of that client.`,
  }
}
