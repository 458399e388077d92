const firstBytes = 2_048

/** The bytes of one message in the making: frames behind each other, each with its length before it. */
export class FrameWriter {
  #bytes: Buffer = Buffer.allocUnsafe(firstBytes)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** What was written; a view, so nothing may be written any more. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Begins a frame and says where, for `end`. */
  begin(kind: number): number {
    this.#reserve(5)
    const start = this.#length
    this.#length += 4
    this.#bytes[this.#length++] = kind
    return start
  }

  end(start: number): void {
    this.#bytes.writeUInt32LE(this.#length - start - 4, start)
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#length = this.#bytes.writeUInt32LE(value, this.#length)
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  /** Names and longer texts alike. */
  text(value: string): void {
    this.#reserve(4 + 3 * value.length)
    const bytes = this.#bytes.write(value, this.#length + 4, 'utf8')
    this.#bytes.writeUInt32LE(bytes, this.#length)
    this.#length += 4 + bytes
  }

  bytes(value: Uint8Array): void {
    this.#reserve(4 + value.length)
    this.#length = this.#bytes.writeUInt32LE(value.length, this.#length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}
