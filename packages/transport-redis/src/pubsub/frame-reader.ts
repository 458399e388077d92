/** What came is none of our messages, or was cut short. */
export class ForeignMessage extends Error {
  constructor(problem: string) {
    super(problem)
    this.name = 'ForeignMessage'
  }
}

/** Takes a message apart; whatever does not fit throws `ForeignMessage` and reads nothing beyond its end. */
export class FrameReader {
  readonly #bytes: Buffer
  #at: number
  #end: number

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#at = 0
    this.#end = bytes.length
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Enters the next frame and returns its kind; what an earlier one held beyond what was read is skipped. */
  next(): number {
    this.#end = this.#bytes.length
    const length = this.u32()
    if (length < 1 || this.#at + length > this.#bytes.length) throw new ForeignMessage('a frame is cut short')
    this.#end = this.#at + length
    return this.u8()
  }

  /** Leaves the frame, read or not. */
  leave(): void {
    this.#at = this.#end
    this.#end = this.#bytes.length
  }

  u8(): number {
    this.#need(1)
    return this.#bytes[this.#at++] as number
  }

  u32(): number {
    this.#need(4)
    const value = this.#bytes.readUInt32LE(this.#at)
    this.#at += 4
    return value
  }

  f64(): number {
    this.#need(8)
    const value = this.#bytes.readDoubleLE(this.#at)
    this.#at += 8
    return value
  }

  text(): string {
    const length = this.u32()
    this.#need(length)
    const start = this.#at
    this.#at += length
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** A view of the message. */
  bytes(): Uint8Array {
    const length = this.u32()
    this.#need(length)
    const start = this.#bytes.byteOffset + this.#at
    this.#at += length
    return new Uint8Array(this.#bytes.buffer, start, length)
  }

  #need(bytes: number): void {
    if (this.#at + bytes > this.#end) throw new ForeignMessage('a field is cut short')
  }
}
