import { FrameCursor, FrameType, readToken, WireError, writePong } from '@aether/wire'
import type { Commands } from './commands.ts'
import type { Connection } from './connection.ts'
import type { Forwarding } from '../pubsub/forwarding.ts'
import type { Greeting } from './greeting.ts'
import type { Pubsub } from '../pubsub/pubsub.ts'
import type { Requests } from '../requests/requests.ts'
import type { Tasks } from '../tasks/tasks.ts'

export interface FrameHandlers {
  readonly commands: Commands
  readonly greeting: Greeting
  readonly forwarding: Forwarding
  readonly pubsub: Pubsub
  readonly requests: Requests
  readonly tasks: Tasks
}

/** Gives each frame to the handler of its family. */
export class Frames {
  readonly #handlers: FrameHandlers
  readonly #forwarding: Forwarding
  readonly #cursor = new FrameCursor()

  constructor(handlers: FrameHandlers) {
    this.#handlers = handlers
    this.#forwarding = handlers.forwarding
  }

  /** Throws what is wrong with the frame: then the connection is at its end. */
  handle(from: Connection, type: number, bytes: Uint8Array, start: number, end: number): void {
    if (!from.open) return this.#handlers.greeting.hello(from, type, bytes, start, end)
    if (type === FrameType.PUBLISH) return this.#forwarding.publish(from, bytes, start, end)
    // What came before goes out before.
    this.#forwarding.flush()
    if (type >= FrameType.ROUTE) this.#task(from, type, bytes, start, end)
    else if (type >= FrameType.REQUEST) this.#request(from, type, bytes, start, end)
    else if (type >= FrameType.PUBLISH) this.#pubsub(from, type, bytes, start, end)
    else this.#connection(from, type, bytes, start, end)
  }

  #connection(from: Connection, type: number, bytes: Uint8Array, start: number, end: number): void {
    switch (type) {
      case FrameType.PING:
        writePong(from.out, readToken(this.#cursor.reset(bytes, start, end)))
        return from.touch()
      case FrameType.PONG:
        return
      case FrameType.GOODBYE:
        this.#handlers.tasks.stop(from)
        return this.#handlers.requests.stop(from)
      case FrameType.ERROR:
        // The client has found us at fault and closes.
        return from.drop()
      default:
        throw unknownFrame(type)
    }
  }

  #pubsub(from: Connection, type: number, bytes: Uint8Array, start: number, end: number): void {
    const { commands, pubsub } = this.#handlers
    switch (type) {
      case FrameType.PUBLISH_NAMED:
        return pubsub.publishNamed(from, bytes, start, end)
      case FrameType.SUBSCRIBE:
        commands.begin(from)
        return pubsub.subscribe(from, bytes, start, end)
      case FrameType.UNSUBSCRIBE:
        commands.begin(from)
        return pubsub.unsubscribe(from, bytes, start, end)
      case FrameType.TOPIC_REQUEST:
        return pubsub.topicRequest(from, bytes, start, end)
      default:
        throw unknownFrame(type)
    }
  }

  #request(from: Connection, type: number, bytes: Uint8Array, start: number, end: number): void {
    const { commands, requests } = this.#handlers
    switch (type) {
      case FrameType.REQUEST:
        return requests.request(from, bytes, start, end)
      case FrameType.REPLY:
        return requests.reply(from, bytes, start, end)
      case FrameType.SERVE:
        commands.begin(from)
        return requests.serve(from, bytes, start, end)
      case FrameType.UNSERVE:
        commands.begin(from)
        return requests.unserve(from, bytes, start, end)
      default:
        throw unknownFrame(type)
    }
  }

  #task(from: Connection, type: number, bytes: Uint8Array, start: number, end: number): void {
    const { commands, tasks } = this.#handlers
    if (type === FrameType.ROUTE) return tasks.route(from, bytes, start, end)
    if (type === FrameType.DETACH) return tasks.detach(from, bytes, start, end)
    commands.begin(from)
    switch (type) {
      case FrameType.SEND:
        return tasks.send(from, bytes, start, end)
      case FrameType.ACK:
        return tasks.ack(from, bytes, start, end)
      case FrameType.REPORT:
        return tasks.report(from, bytes, start, end)
      case FrameType.RENEW:
        return tasks.renew(from, bytes, start, end)
      case FrameType.RELEASE:
        return tasks.release(from, bytes, start, end)
      case FrameType.CONSUME:
        return tasks.consume(from, bytes, start, end)
      case FrameType.CONSUME_STOP:
        return tasks.consumeStop(from, bytes, start, end)
      case FrameType.CANCEL:
        return tasks.cancel(from, bytes, start, end)
      case FrameType.ATTACH:
        return tasks.attach(from, bytes, start, end)
      default:
        throw unknownFrame(type)
    }
  }
}

/** Also a frame that only a broker sends. */
function unknownFrame(type: number): WireError {
  return new WireError(
    'ERR_AETHER_FRAME_UNKNOWN',
    `Frames of type 0x${type.toString(16).padStart(2, '0')} are not for a broker of this version.`,
    { detail: { type } },
  )
}
