import type { WireError } from '../errors.ts'
import type { ResolvedOptions } from '../options.ts'
import { backoffMs } from './backoff.ts'
import type { ByteStream } from './byte-stream.ts'
import { closedError, connectError, connectTimeout, isFatal } from './connection-errors.ts'
import { pause } from './wait.ts'

export interface AttemptsHandler {
  /** Whether the connection is not wanted any more. */
  readonly isOver: () => boolean
  /** Says HELLO over a new stream; resolves at WELCOME. */
  readonly handshake: (stream: ByteStream, signal: AbortSignal) => Promise<void>
  readonly onFailed: (attempt: number, error: WireError) => void
}

/** Connects, and tries again after a while where that fails. */
export class Attempts {
  readonly #options: ResolvedOptions
  readonly #handler: AttemptsHandler
  #abort: AbortController | undefined
  /** Connections in a row that were lost as soon as they were there. */
  #flaps = 0

  constructor(options: ResolvedOptions, handler: AttemptsHandler) {
    this.#options = options
    this.#handler = handler
  }

  /** Tries until there is a connection, or until `deadline`. Rejects with what the last attempt met, or since nobody wants a connection any more. */
  async connect(deadline: number): Promise<void> {
    const { isOver, onFailed } = this.#handler
    let reason: WireError | undefined
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(deadline)
      } catch (error) {
        const latest = connectError(error)
        // That the last attempt had no time left says less than what the one before it met.
        reason = reason !== undefined && latest.code === 'ERR_AETHER_CONNECT_TIMEOUT' ? reason : latest
        if (isOver()) throw closedError()
        if (isFatal(reason) || performance.now() >= deadline) throw reason
        onFailed(attempt, reason)
      }
      await this.#pause(attempt, deadline)
      if (isOver()) throw closedError()
      if (performance.now() >= deadline) throw reason
    }
  }

  /** After a connection that lived for so long was lost: tries until there is another, first after a while, which grows where none lives. */
  async reconnect(livedMs: number): Promise<void> {
    this.#flaps = livedMs < this.#options.backoff.maxMs ? this.#flaps + 1 : 1
    await this.#pause(this.#flaps, Number.POSITIVE_INFINITY)
    if (!this.#handler.isOver()) await this.connect(Number.POSITIVE_INFINITY)
  }

  /** Ends the attempt under way, or the wait for the next one. */
  abort(error: WireError): void {
    this.#abort?.abort(error)
  }

  async #attempt(deadline: number): Promise<void> {
    const abort = new AbortController()
    this.#abort = abort
    const timeoutMs = Math.max(1, Math.min(this.#options.attemptTimeoutMs, deadline - performance.now()))
    const timer = setTimeout(() => abort.abort(connectTimeout(timeoutMs)), timeoutMs)
    try {
      const stream = await this.#options.dial(abort.signal)
      if (abort.signal.aborted) {
        stream.destroy()
        throw abort.signal.reason
      }
      await this.#handler.handshake(stream, abort.signal)
    } finally {
      clearTimeout(timer)
      // The connection may be lost again by now, and another attempt be waiting.
      if (this.#abort === abort) this.#abort = undefined
    }
  }

  #pause(attempt: number, deadline: number): Promise<void> {
    const { backoff, random } = this.#options
    this.#abort = new AbortController()
    return pause(
      Math.min(backoffMs(attempt, backoff, random), deadline - performance.now()),
      this.#abort.signal,
    )
  }
}
