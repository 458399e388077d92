import type { ByteStream } from './byte-stream.ts'
import { lostError, silentError } from './connection-errors.ts'
import { WireError } from '../errors.ts'
import { type Hello, writeHello, writePing } from '../frames/connection.ts'
import { type FrameHandler, FrameReader } from '../frames/frame-reader.ts'
import { Heartbeat } from './heartbeat.ts'
import type { Outbound } from './outbound.ts'

/** What a link brings to its connection. */
export interface LinkHandler extends FrameHandler {
  /** What came breaks the protocol. */
  onFault(error: WireError): void
  /** The stream has ended, or its peer is silent. */
  onEnd(error: WireError): void
}

/** One stream to a broker: its bytes come as frames, its silence is noticed, and once it was given up nothing of it is heard. */
export class Link {
  readonly #stream: ByteStream
  readonly #outbound: Outbound
  readonly #handler: LinkHandler
  readonly #reader: FrameReader
  #heartbeat: Heartbeat | undefined
  #isOver = false

  constructor(stream: ByteStream, outbound: Outbound, handler: LinkHandler, maxFrameBytes: number) {
    this.#stream = stream
    this.#outbound = outbound
    this.#handler = handler
    this.#reader = new FrameReader(handler, { maxFrameBytes })
  }

  /** Listens, and says HELLO. */
  open(hello: Hello): void {
    this.#outbound.open(this.#stream)
    this.#stream.open({
      onData: (chunk) => this.#onData(chunk),
      onDrain: () => {
        if (!this.#isOver) this.#outbound.onDrain()
      },
      onClose: (error) => {
        if (!this.#isOver) this.#handler.onEnd(lostError(error))
      },
    })
    writeHello(this.#outbound.writer, hello)
    this.#outbound.flush()
  }

  /** Asks after a silence of `heartbeatMs`, and ends after a longer one. */
  watch(heartbeatMs: number): void {
    this.#heartbeat = new Heartbeat(heartbeatMs, {
      onSilent: () => {
        writePing(this.#outbound.writer, 0)
        this.#outbound.wrote()
      },
      onLost: () => this.#handler.onEnd(silentError()),
    })
  }

  /** Ends the stream after what was written has gone. */
  close(): void {
    this.#outbound.flush()
    this.#stream.close()
  }

  /** Gives the stream up at once. */
  drop(): void {
    this.#isOver = true
    this.#reader.stop()
    this.#heartbeat?.stop()
    this.#outbound.close()
    this.#stream.destroy()
  }

  #onData(chunk: Uint8Array): void {
    if (this.#isOver) return
    this.#heartbeat?.heard()
    try {
      this.#reader.push(chunk)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#handler.onFault(error)
    }
  }
}
