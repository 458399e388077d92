import {
  type ByteStream,
  type ByteStreamHandlers,
  type Dial,
  FrameCursor,
  FrameReader,
  FrameType,
  FrameWriter,
  readHello,
  readName,
  readToken,
  type Hello,
  writeConfirm,
  writePong,
  writeWelcome,
} from '../../src/index.ts'

export interface ReceivedFrame {
  readonly type: number
  readonly bytes: Uint8Array
  /** A cursor at its fields. */
  readonly fields: FrameCursor
}

export interface ScriptOptions {
  readonly heartbeatMs?: number
  /** Answers HELLO. @default true */
  readonly welcome?: boolean
  /** Confirms each command as it comes. @default true */
  readonly confirm?: boolean
  readonly version?: number
  readonly maxFrameBytes?: number
}

const commands: ReadonlySet<number> = new Set([
  FrameType.SUBSCRIBE,
  FrameType.UNSUBSCRIBE,
  FrameType.SERVE,
  FrameType.UNSERVE,
  FrameType.SEND,
  FrameType.CONSUME,
  FrameType.CONSUME_STOP,
  FrameType.RENEW,
  FrameType.REPORT,
  FrameType.ACK,
  FrameType.RELEASE,
  FrameType.CANCEL,
  FrameType.ATTACH,
])

/** One end of a stream in memory; what is written arrives in a later microtask. */
class MemoryStream implements ByteStream {
  handlers: ByteStreamHandlers | undefined
  closed = false
  /** What `write` answers. */
  takesMore = true
  readonly #toBroker: (chunk: Uint8Array) => void
  readonly #held: Uint8Array[] = []

  constructor(toBroker: (chunk: Uint8Array) => void) {
    this.#toBroker = toBroker
  }

  open(handlers: ByteStreamHandlers): void {
    this.handlers = handlers
    for (const chunk of this.#held.splice(0)) handlers.onData(chunk)
  }

  deliver(chunk: Uint8Array): void {
    if (this.closed) return
    if (this.handlers === undefined) this.#held.push(chunk)
    else this.handlers.onData(chunk)
  }

  write(chunks: readonly Uint8Array[]): boolean {
    for (const chunk of chunks) queueMicrotask(() => this.#toBroker(chunk))
    return this.takesMore
  }

  pause(): void {}
  resume(): void {}

  close(): void {
    queueMicrotask(() => this.end())
  }

  destroy(): void {
    this.end()
  }

  end(error?: Error): void {
    if (this.closed) return
    this.closed = true
    queueMicrotask(() => this.handlers?.onClose(error))
  }
}

/** The broker's end of one connection, which says what a test tells it to. */
export class ScriptConnection {
  readonly frames: ReceivedFrame[] = []
  readonly stream: MemoryStream
  hello: Hello | undefined
  readonly #writer = new FrameWriter()
  #commands = 0

  constructor(options: ScriptOptions) {
    const reader = new FrameReader({
      onFrame: (type, bytes, start, end) => {
        this.frames.push({ type, bytes, fields: new FrameCursor().reset(bytes, start, end) })
        this.#answer(type, new FrameCursor().reset(bytes, start, end), options)
      },
    })
    this.stream = new MemoryStream((chunk) => reader.push(chunk))
  }

  /** Frames of one type, oldest first. */
  of(type: number): ReceivedFrame[] {
    return this.frames.filter((frame) => frame.type === type)
  }

  /** Names of SUBSCRIBE frames and their like. */
  names(type: number): string[] {
    return this.of(type).map(({ bytes, fields }) =>
      readName(new FrameCursor().reset(bytes, fields.position, fields.end)),
    )
  }

  say(write: (writer: FrameWriter) => void): void {
    write(this.#writer)
    for (const chunk of this.#writer.take()) this.stream.deliver(chunk)
  }

  lose(): void {
    this.stream.end(new Error('reset by the script'))
  }

  #answer(type: number, fields: FrameCursor, options: ScriptOptions): void {
    if (type === FrameType.HELLO) {
      this.hello = readHello(fields)
      if (options.welcome === false) return
      this.say((writer) =>
        writeWelcome(writer, {
          version: options.version ?? 1,
          features: 0,
          maxFrameBytes: options.maxFrameBytes ?? 1_114_112,
          heartbeatMs: options.heartbeatMs ?? 0,
          broker: 'script',
          brokerVersion: '0',
        }),
      )
    } else if (type === FrameType.PING) {
      const token = readToken(fields)
      this.say((writer) => writePong(writer, token))
    } else if (commands.has(type)) {
      this.#commands++
      if (options.confirm !== false) this.say((writer) => writeConfirm(writer, this.#commands))
    }
  }
}

/** A broker without a network, for what a real one does not do on request. */
export class ScriptBroker {
  readonly connections: ScriptConnection[] = []
  readonly options: ScriptOptions
  /** Thrown at the next dials. */
  refusal: Error | undefined
  dials = 0

  constructor(options: ScriptOptions = {}) {
    this.options = options
  }

  get last(): ScriptConnection {
    return this.connections.at(-1)!
  }

  readonly dial: Dial = () => {
    this.dials++
    if (this.refusal !== undefined) return Promise.reject(this.refusal)
    const connection = new ScriptConnection(this.options)
    this.connections.push(connection)
    return Promise.resolve(connection.stream)
  }
}
