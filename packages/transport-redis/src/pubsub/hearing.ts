import type { Clock, RouteCache } from '@aether/core'
import type { Acceptor } from './acceptor.ts'
import type { Caller } from './caller.ts'
import type { Channels } from './channels.ts'
import { readFields } from './event-frame.ts'
import { ForeignMessage, FrameReader } from './frame-reader.ts'
import { Kind, readError, readHead } from './frames.ts'
import { readHello } from './hello-frame.ts'
import type { Outbox } from './outbox.ts'
import { Verdict } from './roll-call.ts'
import { readTask } from './task-frame.ts'
import type { Unions } from './unions.ts'

export interface HearingHost {
  /** Of this instance. */
  readonly id: string
  readonly caller: Caller
  readonly acceptor: Acceptor
  readonly unions: Unions
  readonly outbox: Outbox
  readonly channels: Channels
  readonly routes: RouteCache
  readonly clock: Clock
}

/** Takes messages apart and gives each frame to whom it concerns. Throws where a message is none of ours: what came before that counts. */
export class Hearing {
  readonly #host: HearingHost

  constructor(host: HearingHost) {
    this.#host = host
  }

  hear(message: Buffer): void {
    const reader = new FrameReader(message)
    const from = readHead(reader)
    for (; !reader.isAtEnd; reader.leave()) this.#frame(reader.next(), from, reader)
  }

  #frame(kind: number, from: string, reader: FrameReader): void {
    switch (kind) {
      case Kind.task:
        return this.#host.acceptor.take(from, readTask(reader, this.#host.routes, this.#host.clock.now()))
      case Kind.revoke:
        return this.#revoke(from, reader)
      case Kind.ask:
        return this.#ask(from, reader)
      case Kind.event:
      case Kind.busy:
      case Kind.release:
      case Kind.running:
      case Kind.never:
      case Kind.lost:
        return this.#answer(kind, from, reader)
      default:
        return this.#toAll(kind, from, reader)
    }
  }

  #revoke(from: string, reader: FrameReader): void {
    const call = reader.u32()
    const code = reader.text()
    this.#host.acceptor.revoke(from, call, { code, message: reader.text(), retryable: false })
  }

  #ask(from: string, reader: FrameReader): void {
    const calls: number[] = []
    for (let left = reader.u32(); left > 0; left--) calls.push(reader.u32())
    this.#host.acceptor.ask(from, calls)
  }

  /** A worker says something about a call of ours; what is not known any more is over. */
  #answer(kind: number, from: string, reader: FrameReader): void {
    const { caller, unions } = this.#host
    const peer = unions.roster.peers.get(from)
    if (peer === undefined) return
    const call = reader.u32()
    switch (kind) {
      case Kind.event:
        return caller.event(peer, call, ({ open }) => {
          const event = readFields(reader, open.task.route, open.task.tid)
          if (event.action !== 'status' && event.action !== 'complete')
            throw new ForeignMessage('an event of a call is neither status nor completion')
          return event
        })
      case Kind.busy:
        return caller.bounced(peer, call, true)
      case Kind.never:
        return caller.bounced(peer, call, false)
      case Kind.release: {
        const delayMs = reader.f64()
        const failed = reader.u8() === 1
        return caller.released(peer, call, { delayMs, failed, error: readError(reader) })
      }
      case Kind.running:
        return caller.running(peer, call)
      default:
        return caller.lost(peer, call)
    }
  }

  #toAll(kind: number, from: string, reader: FrameReader): void {
    const { unions, id } = this.#host
    if (from === id) {
      if (kind === Kind.echo) unions.echoed(reader.u32())
      return
    }
    switch (kind) {
      case Kind.hello:
        return this.#hello(from, reader)
      case Kind.who: {
        const union = reader.text()
        return unions.tellHello(from, union, reader.u32())
      }
      case Kind.alive: {
        const union = reader.text()
        const epoch = reader.u32()
        return unions.alive(from, union, epoch, reader.u32())
      }
      case Kind.bye:
        return unions.bye(from)
      case Kind.cancel:
        return this.#cancel(from, reader)
      case Kind.answer: {
        const nonce = reader.u32()
        return unions.answered(nonce, from, reader.u8())
      }
      case Kind.echo:
        return
      default:
        throw new ForeignMessage(`a frame of kind ${kind}`)
    }
  }

  #hello(from: string, reader: FrameReader): void {
    const hello = readHello(reader)
    this.#host.unions.hello(from, hello)
    if (!hello.isAnswer && hello.nonce > 0) this.#say(from, hello.nonce, Verdict.noted)
  }

  #cancel(from: string, reader: FrameReader): void {
    const nonce = reader.u32()
    const union = reader.text()
    const tid = reader.text()
    const isStopped = this.#host.caller.cancel(union, tid, reader.text())
    this.#say(from, nonce, isStopped ? Verdict.stopped : Verdict.unknown)
  }

  #say(to: string, nonce: number, verdict: number): void {
    const { writer } = this.#host.outbox.to(this.#host.channels.instance(to))
    const start = writer.begin(Kind.answer)
    writer.u32(nonce)
    writer.u8(verdict)
    writer.end(start)
  }
}
