import { invalidFrame, WireError } from '../errors.ts'
import { FRAME_HEAD } from './frame-writer.ts'

/** 1 MiB of payload and 64 KiB of everything else. */
export const DEFAULT_MAX_FRAME_BYTES = 1_114_112

/** What takes the frames out of a stream. */
export interface FrameHandler {
  /**
   * One whole frame: its fields are `bytes[start, end)`, its first byte is at `start - 5`. Frames that follow each other in the stream and lie in one
   * chunk come with the same `bytes`, each starting where the last ended, so that a run of them can be passed on as one block.
   */
  onFrame(type: number, bytes: Uint8Array, start: number, end: number): void
}

export interface FrameReaderOptions {
  /** Longest `length` field accepted. @default 1_114_112 */
  readonly maxFrameBytes?: number
}

const empty = new Uint8Array(0)
const FIRST_CARRY = 1_024

/**
 * Splits a byte stream into frames wherever its chunks happen to end. A frame that lies in one chunk is not copied. A frame longer than the limit
 * is refused as soon as its length is known; what is held of an incomplete frame grows with what has come of it, never with what it claims.
 */
export class FrameReader {
  readonly #handler: FrameHandler
  readonly #maxFrameBytes: number
  #carry: Uint8Array = empty
  #held = 0
  #stopped = false

  constructor(handler: FrameHandler, options: FrameReaderOptions = {}) {
    this.#handler = handler
    this.#maxFrameBytes = options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES
  }

  /** Bytes held of a frame that has not come whole. */
  get heldBytes(): number {
    return this.#held
  }

  /** Stops the split at once, also in the middle of a chunk: nothing more reaches the handler. */
  stop(): void {
    this.#stopped = true
    this.#carry = empty
    this.#held = 0
  }

  /** Takes the next chunk, which must not change afterwards. Throws `ERR_AETHER_FRAME_TOO_LARGE` or `ERR_AETHER_FRAME_INVALID`, and is of no use then. */
  push(chunk: Uint8Array): void {
    let at = this.#held === 0 ? 0 : this.#complete(chunk)
    const size = chunk.length
    const handler = this.#handler
    const max = this.#maxFrameBytes
    while (!this.#stopped && size - at >= FRAME_HEAD) {
      const length =
        chunk[at]! * 0x100_0000 + ((chunk[at + 1]! << 16) | (chunk[at + 2]! << 8) | chunk[at + 3]!)
      if (length > max || length < 1) throw this.#refuse(length)
      const end = at + 4 + length
      if (end > size) break
      handler.onFrame(chunk[at + 4]!, chunk, at + FRAME_HEAD, end)
      at = end
    }
    if (this.#stopped || at >= size) return
    this.#hold(chunk, at, size, size - at >= 4 ? this.#check(chunk, at) + 4 : 0)
  }

  /** Fills up the frame that is held with the beginning of `chunk`, and returns where the rest of the chunk begins. */
  #complete(chunk: Uint8Array): number {
    let at = 0
    if (this.#held < 4) {
      at = Math.min(4 - this.#held, chunk.length)
      this.#hold(chunk, 0, at)
      if (this.#held < 4) return at
    }
    const total = this.#check(this.#carry, 0) + 4
    const upTo = Math.min(chunk.length, at + total - this.#held)
    this.#hold(chunk, at, upTo, total)
    if (this.#held < total) return upTo
    const frame = this.#carry
    this.#carry = empty
    this.#held = 0
    this.#handler.onFrame(frame[4]!, frame, FRAME_HEAD, total)
    return upTo
  }

  #hold(chunk: Uint8Array, from: number, to: number, total: number = 0): void {
    const needed = this.#held + to - from
    if (this.#carry.length < needed) {
      // A buffer for the whole frame only once a quarter of it is here: a length alone costs the sender too little.
      const most = Math.max(FIRST_CARRY, needed * 4)
      const grown = new Uint8Array(total > 0 && total < most ? total : most)
      grown.set(this.#carry.subarray(0, this.#held))
      this.#carry = grown
    }
    this.#carry.set(chunk.subarray(from, to), this.#held)
    this.#held = needed
  }

  #check(bytes: Uint8Array, at: number): number {
    const length = bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
    if (length > this.#maxFrameBytes || length < 1) throw this.#refuse(length)
    return length
  }

  #refuse(length: number): WireError {
    this.stop()
    if (length < 1) return invalidFrame('A frame of length 0: not even its type is there.')
    return new WireError(
      'ERR_AETHER_FRAME_TOO_LARGE',
      `A frame of ${length} bytes is over the limit of ${this.#maxFrameBytes}.`,
      {
        detail: { length, limit: this.#maxFrameBytes },
      },
    )
  }
}
