/** Reads what `ByteWriter` or a script packed. Throws a `RangeError` where it is cut short. */
export class ByteReader {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number

  constructor(bytes: Buffer, at: number = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#step(1))
  }

  u16(): number {
    return this.#bytes.readUInt16BE(this.#step(2))
  }

  u32(): number {
    return this.#bytes.readUInt32BE(this.#step(4))
  }

  u48(): number {
    return this.#bytes.readUIntBE(this.#step(6), 6)
  }

  f64(): number {
    return this.#bytes.readDoubleBE(this.#step(8))
  }

  short(): string {
    const length = this.u8()
    return this.#bytes.toString('latin1', this.#step(length), this.#at)
  }

  text(): string {
    const length = this.u16()
    return this.#bytes.toString('utf8', this.#step(length), this.#at)
  }

  long(): string {
    const length = this.u32()
    return this.#bytes.toString('utf8', this.#step(length), this.#at)
  }

  /** A part of the message itself, not a copy. */
  view(length: number): Buffer {
    const from = this.#step(length)
    return this.#bytes.subarray(from, this.#at)
  }

  /** All that is left. */
  rest(): Buffer {
    return this.view(this.#end - this.#at)
  }

  /** All that is left, as what users expect of a body. */
  body(): Uint8Array {
    const { buffer, byteOffset, length } = this.rest()
    return new Uint8Array(buffer, byteOffset, length)
  }

  #step(count: number): number {
    const from = this.#at
    if (from + count > this.#end) throw new RangeError('a message from Redis is cut short')
    this.#at = from + count
    return from
  }
}
