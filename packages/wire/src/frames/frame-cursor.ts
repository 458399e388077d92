import { invalidFrame } from '../errors.ts'
import { readText, type TextMemo } from './text.ts'

/**
 * Reads the fields of one frame after the other; each connection keeps one and points it at frame after frame. Every read past the end of the frame
 * throws `ERR_AETHER_FRAME_INVALID`.
 */
export class FrameCursor {
  bytes: Uint8Array = new Uint8Array(0)
  /** Where the next field begins. */
  position = 0
  end = 0

  /** Points at the fields of a frame. */
  reset(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes
    this.position = start
    this.end = end
    return this
  }

  u8(): number {
    const at = this.#advance(1)
    return this.bytes[at]!
  }

  u16(): number {
    const at = this.#advance(2)
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!
  }

  u32(): number {
    const at = this.#advance(4)
    const bytes = this.bytes
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  }

  /** A whole number up to 2⁵³ − 1; larger ones are refused. */
  u64(): number {
    const high = this.u32()
    const low = this.u32()
    if (high > 0x1f_ffff) throw invalidFrame('A number over 2^53 - 1.')
    return high * 0x1_0000_0000 + low
  }

  str8(): string {
    const length = this.u8()
    const at = this.#advance(length)
    return readText(this.bytes, at, at + length)
  }

  str16(): string {
    const length = this.u16()
    const at = this.#advance(length)
    return readText(this.bytes, at, at + length)
  }

  /** A `str8` that is mostly the same from frame to frame. */
  memo8(memo: TextMemo): string {
    const length = this.u8()
    const at = this.#advance(length)
    return memo.read(this.bytes, at, at + length)
  }

  /** A `str16` that is mostly the same from frame to frame. */
  memo16(memo: TextMemo): string {
    const length = this.u16()
    const at = this.#advance(length)
    return memo.read(this.bytes, at, at + length)
  }

  /** Goes over a headers field and returns where its pairs begin; they end at `position`. */
  skipHeaders(): number {
    const length = this.u16()
    return this.#advance(length)
  }

  /** Refuses a frame that goes on after its last field. */
  finish(): void {
    if (this.position !== this.end)
      throw invalidFrame(`A frame with ${this.end - this.position} bytes after its last field.`)
  }

  #advance(size: number): number {
    const at = this.position
    if (this.end - at < size)
      throw invalidFrame(
        `A frame that ends before its fields do: ${size} bytes wanted, ${this.end - at} there.`,
      )
    this.position = at + size
    return at
  }
}
