import { Command, type Redis } from 'ioredis'

/** Asks connections for signs of life, and says which gave none: a link may swallow everything and still look open. */
export class Watchdog {
  readonly #timer: ReturnType<typeof setInterval>
  readonly #watched: () => readonly Redis[]
  readonly #onSilent: (redis: Redis) => void
  #asked = new Map<Redis, Command>()

  constructor(keepAliveMs: number, watched: () => readonly Redis[], onSilent: (redis: Redis) => void) {
    this.#watched = watched
    this.#onSilent = onSilent
    this.#timer = setInterval(this.#tick, keepAliveMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  readonly #tick = (): void => {
    const before = this.#asked
    this.#asked = new Map()
    for (const redis of this.#watched()) {
      const unanswered = before.get(redis)
      if (unanswered !== undefined && !unanswered.isSettled) {
        this.#onSilent(redis)
        continue
      }
      if (redis.status !== 'ready') continue
      const ping = new Command('ping')
      // An error is an answer too; that of a connection that ended is told elsewhere.
      ping.promise.catch(() => {})
      redis.sendCommand(ping)
      this.#asked.set(redis, ping)
    }
  }
}
