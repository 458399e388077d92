const FIRST_BYTES = 1024
const empty = Buffer.alloc(0)

/** Packs numbers, text and bytes as the scripts unpack them: big endian, lengths before texts. One buffer for each message, handed over by `take`. */
export class ByteWriter {
  #bytes = empty
  #at = 0
  #next = FIRST_BYTES

  get length(): number {
    return this.#at
  }

  u8(value: number): this {
    this.#room(1)
    this.#bytes[this.#at++] = value
    return this
  }

  u16(value: number): this {
    this.#room(2)
    this.#at = this.#bytes.writeUInt16BE(value, this.#at)
    return this
  }

  u32(value: number): this {
    this.#room(4)
    this.#at = this.#bytes.writeUInt32BE(value, this.#at)
    return this
  }

  /** Whole milliseconds and the like, up to 2^48. */
  u48(value: number): this {
    this.#room(6)
    this.#at = this.#bytes.writeUIntBE(value, this.#at, 6)
    return this
  }

  f64(value: number): this {
    this.#room(8)
    this.#at = this.#bytes.writeDoubleBE(value, this.#at)
    return this
  }

  /** At most 255 bytes of ASCII, after their length. */
  short(text: string): this {
    this.#room(1 + text.length)
    this.#bytes[this.#at] = text.length
    this.#at += 1 + this.#bytes.write(text, this.#at + 1, 'latin1')
    return this
  }

  /** At most 65 535 bytes of UTF-8, after their length. */
  text(text: string): this {
    this.#room(2 + text.length * 3)
    const length = this.#bytes.write(text, this.#at + 2, 'utf8')
    this.#bytes.writeUInt16BE(length, this.#at)
    this.#at += 2 + length
    return this
  }

  /** UTF-8 after its length, as long as it may be. */
  long(text: string): this {
    this.#room(4 + text.length * 3)
    const length = this.#bytes.write(text, this.#at + 4, 'utf8')
    this.#bytes.writeUInt32BE(length, this.#at)
    this.#at += 4 + length
    return this
  }

  bytes(bytes: Uint8Array): this {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  /** Leaves room for a length that is known later: see `close32`. */
  open32(): number {
    const at = this.#at
    this.u32(0)
    return at
  }

  /** Writes the length of what came after `open32`. */
  close32(at: number): this {
    this.#bytes.writeUInt32BE(this.#at - at - 4, at)
    return this
  }

  /** Writes over what stands at `at`. */
  patch32(at: number, value: number): this {
    this.#bytes.writeUInt32BE(value, at)
    return this
  }

  /** What was written; the writer begins anew, in a buffer of its own. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#at)
    this.#next = Math.max(FIRST_BYTES, Math.min(this.#at + 256, 65_536))
    this.#bytes = empty
    this.#at = 0
    return taken
  }

  #room(count: number): void {
    const needed = this.#at + count
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2, this.#next))
    grown.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = grown
  }
}
