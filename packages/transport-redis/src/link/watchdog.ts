import { Command, type Redis } from 'ioredis'
import type { Session } from './session.ts'

/** Asks connections for signs of life, and says which gave none: a link may swallow everything and still look open. */
export class Watchdog {
  readonly #timer: ReturnType<typeof setInterval>
  readonly #session: Session
  #asked = new Map<Redis, Command>()
  #judging: NodeJS.Immediate | undefined

  constructor(keepAliveMs: number, session: Session) {
    this.#session = session
    this.#timer = setInterval(this.#tick, keepAliveMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    clearImmediate(this.#judging)
  }

  readonly #tick = (): void => {
    const before = this.#asked
    this.#asked = new Map()
    const late: (readonly [Redis, Command])[] = []
    for (const redis of this.#session.watched()) {
      const unanswered = before.get(redis)
      if (unanswered !== undefined && !unanswered.isSettled) {
        late.push([redis, unanswered])
        continue
      }
      if (redis.status !== 'ready') continue
      const ping = new Command('ping')
      // An error is an answer too; that of a connection that ended is told elsewhere.
      ping.promise.catch(() => {})
      redis.sendCommand(ping)
      this.#asked.set(redis, ping)
    }
    // This process may have stood still: what has come meanwhile is read first.
    if (late.length > 0) this.#judging = setImmediate(() => this.#judge(late))
  }

  #judge(late: readonly (readonly [Redis, Command])[]): void {
    for (const [redis, unanswered] of late) if (!unanswered.isSettled) this.#session.onSilent(redis)
  }
}
