/** Something that has to happen by the clock. Times are monotonic milliseconds. */
export interface Timed {
  /** When it is due next; Infinity when it is not. */
  nextDueAt(): number
  run(now: number): void
}

/** Timers wait at least this long: what is due a little later is done in the same go. */
const RESOLUTION_MS = 5
/** A longer timer would fire at once (Node holds 31 bits): this one looks again. */
const LONGEST_MS = 2 ** 31 - 1

/** All that a broker does by the clock, on one timer, set only while something is due. */
export class Ticker {
  readonly #timed: readonly Timed[]
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined
  #armedAt = Infinity
  #stopped = false
  #deferred: NodeJS.Immediate | undefined
  /**
   * Timers come before sockets in a turn of the loop. After a pause of this process, an answer that came in time waits to be read: so that is done
   * first, and what is late is judged after it.
   */
  readonly #fire = (): void => {
    this.#deferred = setImmediate(() => this.#run())
  }

  constructor(timed: readonly Timed[], now: () => number) {
    this.#timed = timed
    this.#now = now
  }

  /** Looks at what is due; to be called whenever something may have become due earlier. */
  arm(): void {
    if (this.#stopped) return
    let due = Infinity
    for (let index = 0; index < this.#timed.length; index++) {
      const at = this.#timed[index]!.nextDueAt()
      if (at < due) due = at
    }
    // A timer that fires too early looks again; only one that fires too late is replaced.
    if (due >= this.#armedAt) return
    clearTimeout(this.#timer)
    this.#armedAt = due
    const waitMs = Math.max(RESOLUTION_MS, Math.ceil(due - this.#now()))
    this.#timer = setTimeout(this.#fire, Math.min(waitMs, LONGEST_MS))
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    clearImmediate(this.#deferred)
    this.#armedAt = Infinity
  }

  #run(): void {
    this.#armedAt = Infinity
    const now = this.#now()
    for (const timed of this.#timed) if (timed.nextDueAt() <= now) timed.run(now)
    this.arm()
  }
}
