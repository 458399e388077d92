import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  FrameCursor,
  FrameReader,
  FrameType,
  FrameWriter,
  readConfirm,
  readError,
  readRefuse,
  VERSION,
  type WireError,
  writeHello,
} from '@aether/wire'

export interface RawFrame {
  readonly type: number
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

const names = new Map(Object.entries(FrameType).map(([name, type]) => [type as number, name]))

/** A client that speaks frames and nothing else: what it sends may be as wrong as a test wants. */
export class RawClient {
  readonly socket: Socket
  readonly frames: RawFrame[] = []
  isClosed = false
  /** Commands sent so far. */
  commands = 0
  #waiting: (() => void) | undefined
  readonly #reader = new FrameReader(
    { onFrame: (type, bytes, start, end) => void this.frames.push({ type, bytes, start, end }) },
    { maxFrameBytes: 64 * 1024 * 1024 },
  )

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.#reader.push(chunk)
      this.#waiting?.()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
      this.#waiting?.()
    })
  }

  static async open(address: { readonly host: string; readonly port: number }): Promise<RawClient> {
    const socket = connect(address.port, address.host)
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** A connection that has been welcomed. */
  static async greeted(
    address: { readonly host: string; readonly port: number },
    client: string = 'raw',
  ): Promise<RawClient> {
    const raw = await RawClient.open(address)
    raw.hello({ client })
    await raw.next(FrameType.WELCOME)
    return raw
  }

  hello(
    options: {
      readonly client?: string
      readonly minVersion?: number
      readonly maxVersion?: number
      readonly maxFrameBytes?: number
      readonly token?: string
    } = {},
  ): void {
    this.send((writer) =>
      writeHello(writer, {
        minVersion: options.minVersion ?? VERSION,
        maxVersion: options.maxVersion ?? VERSION,
        features: 0,
        maxFrameBytes: options.maxFrameBytes ?? 1_114_112,
        client: options.client ?? 'raw',
        host: 'here',
        token: options.token ?? '',
      }),
    )
  }

  /** Writes frames as one piece. */
  send(write: (writer: FrameWriter) => void): void {
    const writer = new FrameWriter()
    write(writer)
    this.socket.write(Buffer.concat(writer.take()))
  }

  /** Sends one command and waits until it is confirmed; throws the refusal. */
  async command(write: (writer: FrameWriter) => void): Promise<void> {
    this.commands++
    const number = this.commands
    this.send(write)
    const refusal = await this.settled(number)
    if (refusal !== undefined) throw refusal
  }

  /** Why a command was refused, once it is confirmed. */
  async settled(number: number): Promise<WireError | undefined> {
    await this.take(
      (frame) => frame.type === FrameType.CONFIRM && readConfirm(cursorOf(frame)) >= number,
      'CONFIRM',
    )
    const at = this.frames.findIndex(
      (frame) => frame.type === FrameType.REFUSE && readRefuse(cursorOf(frame)).command === number,
    )
    if (at < 0) return undefined
    return readRefuse(cursorOf(this.frames.splice(at, 1)[0]!)).error
  }

  /** The next frame of a type, taken out; frames of other types stay for later. */
  next(type: number): Promise<RawFrame> {
    return this.take((frame) => frame.type === type, names.get(type) ?? String(type))
  }

  async take(isWanted: (frame: RawFrame) => boolean, what: string): Promise<RawFrame> {
    for (;;) {
      const at = this.frames.findIndex(isWanted)
      if (at >= 0) return this.frames.splice(at, 1)[0]!
      if (this.isClosed)
        throw new Error(
          `closed before ${what}; got ${this.frames.map((frame) => names.get(frame.type)).join(', ')}`,
        )
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
    }
  }

  /** The error that the broker ends the connection with, and then the end. */
  async failure(): Promise<WireError> {
    const error = readError(cursorOf(await this.next(FrameType.ERROR)))
    await this.closed()
    return error
  }

  async closed(): Promise<void> {
    if (!this.isClosed) await once(this.socket, 'close')
  }

  close(): void {
    this.socket.destroy()
  }
}

export function cursorOf(frame: RawFrame): FrameCursor {
  return new FrameCursor().reset(frame.bytes, frame.start, frame.end)
}
