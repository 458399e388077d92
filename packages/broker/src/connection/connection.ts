import type { Socket } from 'node:net'
import { type FrameHandler, FrameReader, FrameWriter, writeConfirm } from '@aether/wire'
import type { PubsubState } from '../pubsub/pubsub.ts'
import type { RequestState } from '../requests/requests.ts'
import type { TaskState } from '../tasks/task-state.ts'

/** What a connection needs of its broker. */
export interface ConnectionHost {
  readonly maxFrameBytes: number
  readonly highWaterBytes: number
  readonly maxOutboundBytes: number
  now(): number
  touch(connection: Connection): void
  frame(connection: Connection, type: number, bytes: Uint8Array, start: number, end: number): void
  /** A connection that was in doubt has sent something. */
  heard(connection: Connection): void
  /** All frames of a chunk have been seen. */
  chunkDone(): void
  /** What was waiting has been written down to half the high-water mark. */
  relieved(connection: Connection): void
  /** The stream broke a rule: `error` is thrown by a reader or a handler. */
  broke(connection: Connection, error: unknown): void
  /** More waits than its high-water mark. */
  congested(connection: Connection): void
  /** More waits than it may ever have: it does not read what it asked for. */
  overran(connection: Connection): void
  /** It counts no more; called once. */
  ended(connection: Connection): void
}

/** As much as may wait for the end of the turn; more is written at once, so that the reader has something to do. */
const EAGER_BYTES = 131_072

/** One client: its socket, the frames it sends, the bytes that wait to be sent to it. What it has asked for is made when it asks, so an idle one is small. */
export class Connection implements FrameHandler {
  readonly id: number
  readonly socket: Socket
  readonly out: FrameWriter = new FrameWriter()
  readonly #reader: FrameReader
  readonly #host: ConnectionHost
  /** Between its HELLO and its end. */
  open = false
  ended = false
  client = ''
  /** Longest frame that the client accepts. */
  maxFrameBytes = 0
  host = ''
  heardAt: number
  pinged = false
  /** It let a lease run out and has sent nothing since. */
  doubted = false
  /** Commands received, and the number said in the last CONFIRM; modulo 2³². */
  commands = 0
  confirmed = 0
  /** In the list of those that write at the end of this turn. */
  touched = false
  /** Bytes handed to the socket and not yet taken by the kernel. */
  flightBytes = 0
  /** How many slow subscribers hold this connection's reading back. */
  holds = 0
  /** Whom this connection holds back, since when; and whether it misses messages instead. */
  feeders: Set<Connection> | undefined
  stalledAt = 0
  shedding = false
  /** Over its high-water mark at the end of a turn, and not yet back to half of it. */
  congested = false
  dropped = 0
  pubsub: PubsubState | undefined
  tasks: TaskState | undefined
  requests: RequestState | undefined
  readonly #written = (): void => this.#drained()

  constructor(id: number, socket: Socket, host: ConnectionHost) {
    this.id = id
    this.socket = socket
    this.#host = host
    this.heardAt = host.now()
    this.#reader = new FrameReader(this, { maxFrameBytes: host.maxFrameBytes })
    socket.on('data', (chunk) => this.#receive(chunk))
    // What went wrong with the socket shows in its end; there is nobody to tell.
    socket.on('error', () => this.drop())
    socket.on('close', () => this.drop())
  }

  /** Bytes on their way to the client. */
  get waitingBytes(): number {
    return this.out.pendingBytes + this.flightBytes
  }

  onFrame(type: number, bytes: Uint8Array, start: number, end: number): void {
    this.#host.frame(this, type, bytes, start, end)
  }

  #receive(chunk: Uint8Array): void {
    if (this.ended) return
    this.heardAt = this.#host.now()
    this.pinged = false
    try {
      this.#reader.push(chunk)
      if (this.doubted) {
        this.doubted = false
        this.#host.heard(this)
      }
      this.#host.chunkDone()
    } catch (error) {
      this.#host.broke(this, error)
    }
  }

  /** To be called after something was written to `out`. */
  touch(): void {
    if (!this.touched) this.#host.touch(this)
    if (this.flightBytes === 0 && this.out.pendingBytes >= EAGER_BYTES) this.#write()
  }

  /** The end of a turn: confirms the commands handled in it, and writes. */
  flush(): void {
    this.touched = false
    if (this.ended) return
    if (this.waitingBytes > this.#host.maxOutboundBytes && this.flightBytes > 0)
      return this.#host.overran(this)
    if (this.confirmed !== this.commands) this.#confirm()
    if (this.flightBytes === 0) this.#write()
    if (this.congested || this.waitingBytes <= this.#host.highWaterBytes) return
    this.congested = true
    this.#host.congested(this)
  }

  /** The last that this connection hears is what is in `out` now; its socket closes when that is written. */
  end(): void {
    if (this.ended) return
    if (this.confirmed !== this.commands) this.#confirm()
    const last = this.out.take()
    for (const chunk of last) this.socket.write(chunk)
    this.socket.end()
    this.#finish()
  }

  /** Closes the socket at once, whatever waits. */
  drop(): void {
    this.socket.destroy()
    this.#finish()
  }

  /** Lets go of the buffer of a connection that has been quiet. */
  rest(): void {
    if (this.out.pendingBytes === 0) this.out.reset()
  }

  #finish(): void {
    if (this.ended) return
    this.ended = true
    this.open = false
    this.#reader.stop()
    this.out.reset()
    this.#host.ended(this)
  }

  #confirm(): void {
    writeConfirm(this.out, this.commands)
    this.confirmed = this.commands
  }

  #write(): void {
    const chunks = this.out.take()
    const last = chunks.length - 1
    if (last < 0) return
    if (last === 0) {
      this.flightBytes = chunks[0]!.length
      this.socket.write(chunks[0]!, this.#written)
      return
    }
    let bytes = 0
    this.socket.cork()
    for (let index = 0; index < last; index++) {
      bytes += chunks[index]!.length
      this.socket.write(chunks[index]!)
    }
    this.flightBytes = bytes + chunks[last]!.length
    this.socket.write(chunks[last]!, this.#written)
    this.socket.uncork()
  }

  #drained(): void {
    this.flightBytes = 0
    if (this.ended) return
    this.#write()
    if (!this.congested && this.feeders === undefined && !this.shedding) return
    if (this.waitingBytes >= this.#host.highWaterBytes / 2) return
    this.congested = false
    this.#host.relieved(this)
  }
}
