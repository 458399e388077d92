import { WireError } from '../errors.ts'
import { writeText } from './text.ts'

/** What a frame is framed by: length (4) and type (1). */
export const FRAME_HEAD = 5

/** A body up to this many bytes is copied into the output buffer; a larger one is passed on as it is. */
export const COPY_LIMIT = 2_048

const FIRST_CHUNK = 256
const LAST_CHUNK = 65_536

/** Below this many bytes a loop beats `TypedArray.prototype.set`. */
const LOOP_LIMIT = 48

const nothing: Uint8Array[] = []

/**
 * Collects frames into few large chunks. A frame is written as `begin`, its fields, `end`; nothing is allocated per frame. Chunks double from 256 bytes
 * to 64 KiB as they fill, so that an idle connection holds next to nothing; a chunk that was taken is never written again before its end, only after.
 */
export class FrameWriter {
  /** The chunk being filled; fields are stored straight into it between `begin` and `end`. */
  buffer: Uint8Array = new Uint8Array(0)
  /** Where the next byte goes. */
  position = 0
  #sealed = 0
  #start = 0
  #chunks: Uint8Array[] = nothing
  #chunkBytes = 0
  #nextSize = FIRST_CHUNK

  /** Bytes written and not yet taken. */
  get pendingBytes(): number {
    return this.#chunkBytes + this.position - this.#sealed
  }

  /** Makes room for `size` bytes in one piece, at `position`. */
  reserve(size: number): void {
    if (this.buffer.length - this.position < size) this.#grow(size)
  }

  /** Starts a frame whose head and fields take at most `maxBytes`, body not counted. */
  begin(type: number, maxBytes: number): void {
    this.reserve(maxBytes + FRAME_HEAD)
    this.#start = this.position
    this.buffer[this.position + 4] = type
    this.position += FRAME_HEAD
  }

  u8(value: number): void {
    this.buffer[this.position++] = value
  }

  u16(value: number): void {
    const buffer = this.buffer
    const at = this.position
    buffer[at] = value >>> 8
    buffer[at + 1] = value
    this.position = at + 2
  }

  u32(value: number): void {
    const buffer = this.buffer
    const at = this.position
    buffer[at] = value >>> 24
    buffer[at + 1] = value >>> 16
    buffer[at + 2] = value >>> 8
    buffer[at + 3] = value
    this.position = at + 4
  }

  /** A whole number up to 2⁵³ − 1. */
  u64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000))
    this.u32(value >>> 0)
  }

  /** At most 255 bytes of UTF-8. */
  str8(text: string): void {
    const at = this.position
    this.position = writeText(this.buffer, at + 1, text)
    const length = this.position - at - 1
    if (length > 0xff) throw this.#abandon(`a string of ${length} bytes where 255 are the limit`)
    this.buffer[at] = length
  }

  /** At most 65 535 bytes of UTF-8. */
  str16(text: string): void {
    const at = this.position
    this.position = writeText(this.buffer, at + 2, text)
    const length = this.position - at - 2
    if (length > 0xffff) throw this.#abandon(`a string of ${length} bytes where 65535 are the limit`)
    this.buffer[at] = length >>> 8
    this.buffer[at + 1] = length
  }

  /** Copies bytes into the fields of the frame: they must be part of what `begin` was told. */
  raw(bytes: Uint8Array): void {
    this.position = copyInto(this.buffer, this.position, bytes)
  }

  /** Ends the frame, whose `rest` is `body`. A large body is not copied: it must stay as it is until it is written out. */
  end(body?: Uint8Array): void {
    const start = this.#start
    const size = body === undefined ? 0 : body.length
    const length = this.position - start - 4 + size
    const buffer = this.buffer
    buffer[start] = length >>> 24
    buffer[start + 1] = length >>> 16
    buffer[start + 2] = length >>> 8
    buffer[start + 3] = length
    if (size === 0) return
    if (size <= COPY_LIMIT && size <= buffer.length - this.position)
      this.position = copyInto(buffer, this.position, body!)
    else this.append(body!)
  }

  /** Passes on bytes that are whole frames already, or the rest of one: small ones are copied, large ones kept by reference. */
  append(bytes: Uint8Array): void {
    if (bytes.length <= COPY_LIMIT) {
      this.reserve(bytes.length)
      this.position = copyInto(this.buffer, this.position, bytes)
      return
    }
    this.#seal()
    this.#push(bytes)
  }

  /** Gives the chunks to write, in order, and forgets them; empty when there is nothing. */
  take(): readonly Uint8Array[] {
    if (this.#chunkBytes === 0 && this.position === this.#sealed) return nothing
    this.#seal()
    const chunks = this.#chunks
    this.#chunks = nothing
    this.#chunkBytes = 0
    return chunks
  }

  /** Forgets what is not yet taken, and the buffer: for a connection that is idle or gone. */
  reset(): void {
    this.buffer = new Uint8Array(0)
    this.position = 0
    this.#sealed = 0
    this.#chunks = nothing
    this.#chunkBytes = 0
    this.#nextSize = FIRST_CHUNK
  }

  #seal(): void {
    if (this.position === this.#sealed) return
    this.#push(this.buffer.subarray(this.#sealed, this.position))
    this.#sealed = this.position
  }

  #push(bytes: Uint8Array): void {
    if (this.#chunks === nothing) this.#chunks = []
    this.#chunks.push(bytes)
    this.#chunkBytes += bytes.length
  }

  #grow(size: number): void {
    this.#seal()
    const next = Math.max(this.#nextSize, size)
    this.#nextSize = Math.min(LAST_CHUNK, Math.max(this.#nextSize * 2, FIRST_CHUNK))
    this.buffer = new Uint8Array(next)
    this.position = 0
    this.#sealed = 0
  }

  /** Takes back the frame being written, so that the stream stays whole, and says why. */
  #abandon(message: string): WireError {
    this.position = this.#start
    return new WireError('ERR_AETHER_FRAME_TOO_LARGE', `Cannot encode ${message}.`)
  }
}

function copyInto(target: Uint8Array, at: number, bytes: Uint8Array): number {
  const length = bytes.length
  if (length > LOOP_LIMIT) target.set(bytes, at)
  else for (let index = 0; index < length; index++) target[at + index] = bytes[index]!
  return at + length
}
