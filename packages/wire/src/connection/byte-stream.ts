/** What a session does with its stream. */
export interface ByteStreamHandlers {
  /** The chunk belongs to the receiver from now on: the stream never writes into it again. */
  onData(chunk: Uint8Array): void
  /** What was written has gone; said only after a `write` that returned false. */
  onDrain(): void
  /** Once, last: also after `close` and `destroy`. */
  onClose(error?: Error): void
}

/** An open, reliable, ordered stream of bytes: TCP, TLS, WebSocket, a pair in memory. */
export interface ByteStream {
  /** Called once, before anything else; no data is lost before it. */
  open(handlers: ByteStreamHandlers): void
  /** Writes the chunks in order, if possible at once and as one. False: wait for `onDrain` before writing much more. */
  write(chunks: readonly Uint8Array[]): boolean
  pause(): void
  resume(): void
  /** Ends it after what was written has gone. */
  close(): void
  /** Ends it at once. */
  destroy(): void
}

/** Opens a stream; rejects when that fails, and with `signal.reason` when aborted. */
export type Dial = (signal: AbortSignal) => Promise<ByteStream>
