import { Attempts } from './attempts.ts'
import { Barriers } from './barriers.ts'
import type { ByteStream } from './byte-stream.ts'
import { CommandRing, type CommandWaiter } from './command-ring.ts'
import {
  closedError,
  foreignError,
  isFatal,
  lostCommand,
  lostError,
  outboundFull,
  payloadTooLarge,
  versionError,
} from './connection-errors.ts'
import { type ConnectionState, isOver } from './connection-state.ts'
import { WireError } from '../errors.ts'
import { FrameCursor } from '../frames/frame-cursor.ts'
import type { FrameWriter } from '../frames/frame-writer.ts'
import {
  readConfirm,
  readDeduplicated,
  readError,
  readGoodbye,
  readRefuse,
  readToken,
  readWelcome,
  type Welcome,
  writeError,
  writeGoodbye,
  writePing,
  writePong,
} from '../frames/connection.ts'
import { headersRoom, type HeadersInput } from '../frames/headers.ts'
import { Link, type LinkHandler } from './link.ts'
import { type ResolvedOptions, text } from '../options.ts'
import { Outbound } from './outbound.ts'
import { FrameType, VERSION } from '../protocol.ts'
import { ReadyQueue } from './ready-queue.ts'
import { within } from './wait.ts'

/** What a frame may hold beside its payload. */
const HEAD_BYTES = 65_536

/** What a client does with its connection. */
export interface ConnectionHandler {
  /** A new connection: say everything again. What is written here goes out before anything else. */
  onReady(generation: number): void
  /** The connection is gone; what was on its way may or may not have arrived. */
  onLost(error: WireError): void
  /** A frame that is not about the connection itself. */
  onFrame(type: number, bytes: Uint8Array, start: number, end: number): void
  onState(state: ConnectionState): void
}

/** The one owner of a client's connection: connects, agrees with the broker, and connects again. Each stream is a link of its own. */
export class Connection implements LinkHandler {
  /** Where frames for the broker are written; say `wrote` afterwards. */
  readonly writer: FrameWriter
  readonly commands: CommandRing = new CommandRing()
  /** Whether frames may be written now. */
  ready = false
  generation = 0
  /** Longest frame the broker accepts. */
  maxFrameBytes: number
  /** Longest payload or body it accepts. */
  maxPayloadBytes: number
  readonly #options: ResolvedOptions
  readonly #handler: ConnectionHandler
  readonly #cursor = new FrameCursor()
  readonly #queue: ReadyQueue
  readonly #outbound: Outbound
  readonly #attempts: Attempts
  readonly #barriers = new Barriers()
  #identity: { readonly client: string; readonly host: string }
  #state: ConnectionState = { status: 'idle' }
  #link: Link | undefined
  #readyAt = 0
  #welcome: ((welcome: Welcome) => void) | undefined
  #starting: Promise<void> | undefined
  #reconnecting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  readonly #hurry = new AbortController()
  #closed: (() => void) | undefined
  #lastError: WireError | undefined

  constructor(options: ResolvedOptions, handler: ConnectionHandler) {
    this.#options = options
    this.#handler = handler
    this.maxFrameBytes = options.maxFrameBytes
    this.maxPayloadBytes = options.maxFrameBytes - HEAD_BYTES
    this.#identity = options
    this.#queue = new ReadyQueue(options.maxPending, options.connectTimeoutMs, () =>
      this.#state.status === 'reconnecting' ? this.#state.error : undefined,
    )
    this.#outbound = new Outbound(options.highWaterBytes, options.defer)
    this.writer = this.#outbound.writer
    this.#attempts = new Attempts(options, {
      isOver: () => isOver(this.#state),
      handshake: (stream, signal) => this.#handshake(stream, signal),
      onFailed: (attempt, error) => {
        if (this.generation > 0) this.#enter({ status: 'reconnecting', attempt, error })
      },
    })
  }

  /** Whether the stream cannot take more at the moment. */
  get blocked(): boolean {
    return this.#outbound.blocked
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** Connects; resolves at the first WELCOME. `ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_CONNECT_FAILED`, `ERR_AETHER_CONNECT_TIMEOUT`, or what the broker says. */
  start(identity: { readonly client?: string; readonly host?: string } = {}): Promise<void> {
    if (this.#state.status === 'idle') {
      const { client, host } = this.#options
      try {
        this.#identity = {
          client: text('client', identity.client, client),
          host: text('host', identity.host, host),
        }
      } catch (error) {
        return Promise.reject(error)
      }
      this.#enter({ status: 'connecting' })
      this.#starting = this.#connecting(
        this.#attempts.connect(performance.now() + this.#options.connectTimeoutMs),
      )
    }
    return this.#starting ?? Promise.reject(closedError())
  }

  /** Resolves once frames can be written; at most `connectTimeoutMs` later it rejects. */
  whenReady(): Promise<void> {
    if (this.ready) return Promise.resolve()
    const state = this.#state
    if (state.status === 'failed') return Promise.reject(state.error)
    if (isOver(state)) return Promise.reject(closedError())
    return this.#queue.wait()
  }

  /** Numbers the command just written and lets it go out. */
  sent(waiter: CommandWaiter | undefined): void {
    // From a callback that was just told of the end of a connection: it must not count on the next one.
    if (!this.ready) return waiter?.refused(isOver(this.#state) ? closedError() : lostError())
    this.commands.push(waiter)
    this.wrote()
  }

  /** Frames have been written: they go out at the end of this turn, or at once when they are many. */
  wrote(): void {
    this.#outbound.wrote()
  }

  /** Resolves when the stream takes more again, or is gone. */
  drained(): Promise<void> {
    return this.#outbound.drained()
  }

  /** Resolves once the broker has handled every frame written until now. `ERR_AETHER_TRANSPORT_LOST`. */
  async barrier(): Promise<void> {
    while (!this.ready) await this.whenReady()
    const passed = this.#barriers.wait()
    writePing(this.writer, 1)
    this.wrote()
    return passed
  }

  /** For a call whose answer went with a connection: resolves once the broker has handled what was said again on the next one. */
  async resumed(): Promise<void> {
    for (;;) {
      try {
        return await this.barrier()
      } catch (error) {
        if ((error as WireError).code !== 'ERR_AETHER_TRANSPORT_LOST') throw error
      }
    }
  }

  close(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) this.#hurry.abort()
    this.#closing ??= this.#close()
    if (signal === undefined || signal.aborted) return this.#closing
    const hurry = (): void => this.#hurry.abort()
    signal.addEventListener('abort', hurry, { once: true })
    return this.#closing.finally(() => signal.removeEventListener('abort', hurry))
  }

  /** Throws `ERR_AETHER_QUEUE_FULL` where the stream takes nothing and too much waits for it already. */
  checkRoom(): void {
    const limit = this.#options.maxOutboundBytes
    if (!this.#outbound.blocked || this.writer.pendingBytes <= limit) return
    throw outboundFull(limit)
  }

  /** Throws `ERR_AETHER_PAYLOAD_TOO_LARGE` where the broker would not take a frame. */
  checkSize(headBytes: number, headers: HeadersInput, payloadBytes: number): void {
    const limit = this.maxPayloadBytes
    if (payloadBytes <= limit && headBytes + headersRoom(headers) + payloadBytes < this.maxFrameBytes) return
    throw payloadTooLarge(payloadBytes, limit)
  }

  onFrame(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type > FrameType.DEDUPLICATED) {
      if (!this.ready)
        throw new WireError('ERR_AETHER_FRAME_INVALID', 'The broker says something else before WELCOME.')
      return this.#handler.onFrame(type, bytes, start, end)
    }
    const cursor = this.#cursor.reset(bytes, start, end)
    switch (type) {
      case FrameType.CONFIRM:
        return this.commands.confirm(readConfirm(cursor))
      case FrameType.REFUSE: {
        const { command, error } = readRefuse(cursor)
        return this.commands.refuse(command, error)
      }
      case FrameType.DEDUPLICATED:
        return this.commands.deduplicated(readDeduplicated(cursor))
      case FrameType.PING:
        writePong(this.writer, readToken(cursor))
        return this.wrote()
      case FrameType.PONG:
        if (readToken(cursor) !== 0) this.#barriers.passed()
        return
      case FrameType.WELCOME:
        return this.#onWelcome(readWelcome(cursor))
      case FrameType.ERROR:
        return this.#drop(readError(cursor))
      case FrameType.GOODBYE:
        // The broker drains: what is under way is settled first, then it closes, and the end of the stream leads to the next connection.
        readGoodbye(cursor)
        return
      default:
        throw new WireError(
          'ERR_AETHER_FRAME_UNKNOWN',
          `A frame of type ${type}, which a broker does not send.`,
        )
    }
  }

  /** Ends the connection for a fault of the peer, after telling it; the next one is tried. */
  onFault(error: WireError): void {
    if (this.#link === undefined) return
    // Whatever it is that does not begin with WELCOME, its first four bytes are no length.
    const isForeign = !this.ready && error.code === 'ERR_AETHER_FRAME_TOO_LARGE'
    const fault = isForeign ? foreignError(error) : error
    writeError(this.writer, fault.code, fault.message)
    this.#link.close()
    this.#drop(fault)
  }

  onEnd(error: WireError): void {
    this.#drop(error)
  }

  #enter(state: ConnectionState): void {
    this.#state = state
    this.#handler.onState(state)
  }

  /** Never rejects but for a close or a fatal refusal, both of which are in the state then. */
  async #connecting(attempts: Promise<void>): Promise<void> {
    try {
      await attempts
    } catch (error) {
      if (isOver(this.#state)) throw closedError()
      throw this.#fail(error as WireError)
    }
  }

  #handshake(stream: ByteStream, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.#drop(signal.reason as WireError)
      signal.addEventListener('abort', onAbort, { once: true })
      const { token, maxFrameBytes } = this.#options
      this.#link = new Link(stream, this.#outbound, this, maxFrameBytes)
      this.#closed = () => {
        signal.removeEventListener('abort', onAbort)
        reject(this.#lastError ?? lostError())
      }
      this.#welcome = (welcome) => {
        signal.removeEventListener('abort', onAbort)
        this.#welcome = undefined
        this.#closed = undefined
        // First: what goes wrong from here on is the loss of a connection, and not an attempt that failed.
        resolve()
        this.#becomeReady(welcome)
      }
      const versions = { minVersion: VERSION, maxVersion: VERSION, features: 0 }
      this.#link.open({ ...versions, maxFrameBytes, ...this.#identity, token })
    })
  }

  #onWelcome(welcome: Welcome): void {
    if (this.#welcome === undefined) throw new WireError('ERR_AETHER_FRAME_INVALID', 'A second WELCOME.')
    if (welcome.version !== VERSION) throw versionError(welcome.version)
    this.#welcome(welcome)
  }

  #becomeReady(welcome: Welcome): void {
    this.maxFrameBytes = welcome.maxFrameBytes
    this.maxPayloadBytes = welcome.maxFrameBytes - HEAD_BYTES
    if (welcome.heartbeatMs > 0) this.#link?.watch(welcome.heartbeatMs)
    this.generation++
    this.#readyAt = performance.now()
    this.ready = true
    this.#lastError = undefined
    this.#handler.onReady(this.generation)
    this.#enter({ status: 'ready', generation: this.generation })
    this.#queue.settle()
  }

  /** The one place where a link is given up. */
  #drop(error: WireError): void {
    const link = this.#link
    if (link === undefined) return
    const wasReady = this.ready
    this.#link = undefined
    this.#welcome = undefined
    this.ready = false
    link.drop()
    this.#lastError = error
    const closed = this.#closed
    this.#closed = undefined
    if (wasReady) this.#settleAll(isOver(this.#state) ? closedError() : lostCommand(error))
    if (closed !== undefined) return closed()
    if (isOver(this.#state)) return
    if (isFatal(error)) {
      this.#fail(error)
      return
    }
    this.#enter({ status: 'reconnecting', attempt: 0, error })
    this.#reconnecting = this.#connecting(this.#attempts.reconnect(performance.now() - this.#readyAt)).catch(
      () => {},
    )
  }

  #settleAll(error: WireError): void {
    this.#barriers.fail(error)
    this.commands.clear(error)
    this.#handler.onLost(error)
  }

  #fail(error: WireError): WireError {
    this.#enter({ status: 'failed', error })
    this.#queue.settle(error)
    this.#handler.onLost(error)
    return error
  }

  async #close(): Promise<void> {
    const status = this.#state.status
    const link = this.#link
    this.#enter({ status: 'closing' })
    const error = closedError()
    this.#attempts.abort(error)
    this.#queue.settle(error)
    if (link !== undefined && this.ready) {
      // What was written before is confirmed before the goodbye, if the broker is quick about it.
      await within(this.#options.closeTimeoutMs, this.#hurry.signal, this.commands.idle())
      if (this.#link === link) await this.#leave(link)
    }
    this.#drop(error)
    if (status === 'idle' || status === 'reconnecting' || status === 'connecting') this.#settleAll(error)
    await this.#starting?.catch(() => {})
    await this.#reconnecting
    this.#enter({ status: 'closed' })
  }

  async #leave(link: Link): Promise<void> {
    writeGoodbye(this.writer, 'closed by its application')
    const ended = new Promise<void>((resolve) => {
      this.#closed = resolve
    })
    link.close()
    await within(this.#options.closeTimeoutMs, this.#hurry.signal, ended)
  }
}
