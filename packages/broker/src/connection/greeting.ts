import { createHash, timingSafeEqual } from 'node:crypto'
import { FrameCursor, FrameType, readHello, VERSION, WireError, writeWelcome } from '@aether/wire'
import type { Connection } from './connection.ts'
import { invalidFrame } from '../errors.ts'

export interface GreetingOptions {
  readonly name: string
  readonly version: string
  /** '': whoever comes is welcome. */
  readonly token: string
  readonly maxFrameBytes: number
  readonly heartbeatMs: number
  readonly handshakeTimeoutMs: number
}

/** The first frames of a connection: HELLO within its time, a version that both sides know, the right token, WELCOME. */
export class Greeting {
  readonly #options: GreetingOptions
  readonly #cursor = new FrameCursor()
  readonly #tokenDigest: Buffer
  /** Who has not said HELLO, since when; in the order in which they came. */
  readonly #waiting = new Map<Connection, number>()

  constructor(options: GreetingOptions) {
    this.#options = options
    this.#tokenDigest = digestOf(options.token)
  }

  expect(connection: Connection, now: number): void {
    this.#waiting.set(connection, now)
  }

  hello(connection: Connection, type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type !== FrameType.HELLO)
      throw invalidFrame(`The first frame is of type ${type} and not HELLO: is the peer an Aether client?`)
    const hello = readHello(this.#cursor.reset(bytes, start, end))
    if (hello.minVersion > VERSION || hello.maxVersion < VERSION) {
      throw new WireError(
        'ERR_AETHER_PROTOCOL_VERSION',
        `The client speaks versions ${hello.minVersion} to ${hello.maxVersion} and this broker ${VERSION}: update the older side.`,
      )
    }
    if (!this.#isWelcome(hello.token)) {
      throw new WireError(
        'ERR_AETHER_TOKEN_REFUSED',
        'This broker asks for a token, and the one that came is not it: set `token` in the options of the client.',
      )
    }
    this.#waiting.delete(connection)
    connection.open = true
    connection.client = hello.client
    connection.host = hello.host
    connection.maxFrameBytes = hello.maxFrameBytes
    const { name, version, maxFrameBytes, heartbeatMs } = this.#options
    writeWelcome(connection.out, {
      version: VERSION,
      features: 0,
      maxFrameBytes,
      heartbeatMs,
      broker: name,
      brokerVersion: version,
    })
    connection.touch()
  }

  /** Compares digests, whose length says nothing, in a time that says nothing either. */
  #isWelcome(token: string): boolean {
    return this.#options.token === '' || timingSafeEqual(digestOf(token), this.#tokenDigest)
  }

  forget(connection: Connection): void {
    this.#waiting.delete(connection)
  }

  nextDueAt(): number {
    for (const since of this.#waiting.values()) return since + this.#options.handshakeTimeoutMs
    return Infinity
  }

  /** Those whose time is over. */
  late(now: number): Connection[] {
    const late: Connection[] = []
    for (const [connection, since] of this.#waiting) {
      if (since + this.#options.handshakeTimeoutMs > now) break
      late.push(connection)
    }
    return late
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
