import { decodeHeaders, type Headers } from '../frames/headers.ts'
import { readText } from '../frames/text.ts'

const none: Headers = Object.freeze(Object.create(null) as Headers)

/** What was published or asked on a topic. Payload and headers are looked at only when asked for. */
export class Message {
  readonly topic: string
  readonly #bytes: Uint8Array
  readonly #headersAt: number
  readonly #payloadAt: number
  readonly #end: number

  /** `headersAt` is where the headers field begins, `payloadAt` where its pairs end. */
  constructor(topic: string, bytes: Uint8Array, headersAt: number, payloadAt: number, end: number) {
    this.topic = topic
    this.#bytes = bytes
    this.#headersAt = headersAt
    this.#payloadAt = payloadAt
    this.#end = end
  }

  /** Size of the payload in bytes. */
  get size(): number {
    return this.#end - this.#payloadAt
  }

  /** The payload, not copied: it keeps the chunk alive in which it came, so copy what is small and kept for long. */
  get payload(): Uint8Array {
    const bytes = this.#bytes
    return new Uint8Array(bytes.buffer, bytes.byteOffset + this.#payloadAt, this.#end - this.#payloadAt)
  }

  /** Throws `ERR_AETHER_FRAME_INVALID` when they were not well made. */
  get headers(): Headers {
    const start = this.#headersAt + 2
    return start === this.#payloadAt ? none : decodeHeaders(this.#bytes, start, this.#payloadAt)
  }

  /** The encoded pairs of the headers, read where they lie: for those who know a quicker way than `headers`. */
  readHeaders<T>(read: (bytes: Uint8Array, start: number, end: number) => T): T {
    return read(this.#bytes, this.#headersAt + 2, this.#payloadAt)
  }

  /** The payload as UTF-8. */
  text(): string {
    return readText(this.#bytes, this.#payloadAt, this.#end)
  }
}
