import { Redis, type RedisOptions } from 'ioredis'

/** What every connection of ours has in common: it lives once, repeats nothing and keeps nothing for later. The link alone decides what happens next. */
export const onceOnly: RedisOptions = {
  lazyConnect: true,
  retryStrategy: null,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  disableClientInfo: true,
  disconnectTimeout: 100,
}

/** One connection of the driver, from its making to its end. */
export class Connection {
  readonly redis: Redis
  #error: Error | undefined
  #isOver = false
  #onLost: ((error: Error) => void) | undefined

  constructor(options: RedisOptions) {
    this.redis = new Redis({ ...options, ...onceOnly, replyMapping: 'legacy' })
    // For good: the driver writes to the console what nobody hears.
    this.redis.on('error', (error: Error) => {
      this.#error ??= error
    })
    this.redis.on('close', () => this.#ended())
  }

  /** Why it ended, as far as it is known. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Connects and logs in. Rejects with the driver's own error. */
  async open(): Promise<void> {
    try {
      await this.redis.connect()
    } catch (error) {
      throw this.#error ?? error
    }
    // The driver goes on in database 0 where it may not select the one it was given, and only mentions it.
    if (this.#error !== undefined) throw this.#error
  }

  /** Ends it unless what is returned is called in time: a frozen server accepts connections and says nothing. */
  expire(timeoutMs: number): () => void {
    const timer = setTimeout(() => {
      this.#error ??= new Error(`No answer within ${Math.round(timeoutMs)} ms.`)
      // Who opens it or asks it is told.
      void this.destroy()
    }, timeoutMs)
    return () => clearTimeout(timer)
  }

  /** Calls `handler` once when it ends, at once where that has happened. */
  onLost(handler: (error: Error) => void): void {
    if (this.#isOver) handler(this.#reason())
    else this.#onLost = handler
  }

  /** Gives it up without another word; resolves when its socket is gone. */
  destroy(): Promise<void> {
    this.#onLost = undefined
    return disconnected(this.redis)
  }

  #ended(): void {
    this.#isOver = true
    const handler = this.#onLost
    this.#onLost = undefined
    handler?.(this.#reason())
  }

  #reason(): Error {
    return this.#error ?? new Error('Redis ended the connection.')
  }
}

/** Ends a connection; resolves when its socket is gone. */
export function disconnected(redis: Redis): Promise<void> {
  return new Promise((resolve) => {
    if (redis.status === 'end') return resolve()
    redis.once('end', () => resolve())
    redis.disconnect()
    // `disconnect` is polite and waits for the other side, which may be gone.
    redis.stream?.destroy()
  })
}
