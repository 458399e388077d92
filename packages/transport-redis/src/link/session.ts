import type { Command, Redis } from 'ioredis'

/** One life of both connections: from the moment they work until one of them ends. */
export interface Session {
  /** Where it leads, for messages. */
  readonly name: string
  /** The connection that hears messages; only the link uses it. */
  readonly listener: Redis
  /** Sends it, or rejects it at once where it cannot be sent. */
  send(command: Command): void
  /** Calls `handler` once when the session ends, at once where that has happened; not after `destroy`. */
  onLost(handler: (error: Error) => void): void
  /** Connections whose silence is noticed. */
  watched(): readonly Redis[]
  /** What to do about a connection that gives no sign of life. */
  onSilent(redis: Redis): void
  /** Gives all up; resolves when nothing is left. What was under way is settled by the link. */
  destroy(): Promise<void>
}

/** Opens a session; gives up and leaves nothing when the signal aborts. Rejects with what the driver says. */
export type OpenSession = (signal: AbortSignal) => Promise<Session>

/** Opens something that can be destroyed, and destroys it where that fails or takes too long. */
export async function opening<T extends { open(): Promise<void>; destroy(): Promise<void> }>(
  thing: T,
  signal: AbortSignal,
): Promise<T> {
  const onAbort = (): void => {
    // Awaited below: the opening fails by it.
    void thing.destroy()
  }
  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await thing.open()
    signal.throwIfAborted()
    return thing
  } catch (error) {
    await thing.destroy()
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Ends a connection that is silent, as if the other side had. */
export function endSilent(redis: Redis): void {
  redis.stream.destroy(new Error('Redis gave no sign of life.'))
}
