import type { ByteStream } from './byte-stream.ts'
import { FrameWriter } from '../frames/frame-writer.ts'

/**
 * Written at once, in the middle of a turn, when this much has gathered: the peer can work on it meanwhile. At 64 KiB client, broker and worker take turns
 * instead of working side by side (`bench tasks-256`: a quarter slower); at 8 KiB tasks gain nothing more, and pub/sub of 1 KiB messages loses a fifth.
 */
const FLUSH_BYTES = 16_384

/** The way out of a connection: frames gather until the turn is over and go out as one, or wait while the stream is full. */
export class Outbound {
  readonly writer: FrameWriter = new FrameWriter()
  /** Whether the stream cannot take more at the moment. */
  blocked = false
  readonly #highWaterBytes: number
  readonly #defer: (callback: () => void) => void
  readonly #flushDeferred: () => void
  #stream: ByteStream | undefined
  #scheduled = false
  #waiters: (() => void)[] = []

  constructor(highWaterBytes: number, defer: (callback: () => void) => void) {
    this.#highWaterBytes = highWaterBytes
    this.#defer = defer
    this.#flushDeferred = () => {
      this.#scheduled = false
      if (!this.blocked) this.flush()
    }
  }

  open(stream: ByteStream): void {
    this.writer.reset()
    this.#stream = stream
  }

  /** The stream is gone, and with it what it had not taken. */
  close(): void {
    this.#stream = undefined
    this.blocked = false
    this.writer.reset()
    this.#release()
  }

  /** Frames have been written: they go out at the end of this turn, or at once when they are many. */
  wrote(): void {
    if (!this.#scheduled) {
      this.#scheduled = true
      this.#defer(this.#flushDeferred)
    } else if (!this.blocked && this.writer.pendingBytes >= FLUSH_BYTES) this.flush()
  }

  flush(): void {
    if (this.#stream === undefined) return
    const chunks = this.writer.take()
    if (chunks.length > 0 && !this.#stream.write(chunks)) this.blocked = true
    else if (this.#waiters.length > 0) this.#release()
  }

  /** The stream takes more again. */
  onDrain(): void {
    this.blocked = false
    this.flush()
  }

  /** Resolves when the stream takes more again, or is gone. */
  drained(): Promise<void> {
    if (!this.blocked && this.writer.pendingBytes < this.#highWaterBytes) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push(resolve))
  }

  #release(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}
