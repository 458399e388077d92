import type { Clock, Timer } from '../clock.ts'

/** What stands in a wheel: its own links, so that adding and removing allocate nothing. An entry stands in one wheel at a time. */
export interface WheelEntry<E> {
  wheelNext: E | undefined
  wheelPrevious: E | undefined
  /** Monotonic milliseconds. */
  wheelDueMs: number
  /** -1 while it stands in no wheel. */
  wheelBucket: number
}

export interface WheelOptions {
  /** How late an entry may become due. @default 20 */
  readonly tickMs?: number
  /** @default 1_024 */
  readonly buckets?: number
}

/**
 * Timeouts for very many short-lived things: one timer for all, O(1) to add and to remove. An entry is due up to `tickMs` late, never early. The timer
 * runs only while something stands in the wheel.
 */
export class Wheel<E extends WheelEntry<E>> {
  readonly #clock: Clock
  readonly #onDue: (entry: E, nowMs: number) => void
  readonly #tickMs: number
  readonly #heads: (E | undefined)[]
  #size = 0
  /** The last tick that was looked at. */
  #tick = 0
  #timer: Timer | undefined

  constructor(clock: Clock, onDue: (entry: E, nowMs: number) => void, options: WheelOptions = {}) {
    this.#clock = clock
    this.#onDue = onDue
    this.#tickMs = options.tickMs ?? 20
    this.#heads = Array.from({ length: options.buckets ?? 1_024 }, () => undefined)
  }

  get size(): number {
    return this.#size
  }

  /** Adds or moves. Both times are monotonic milliseconds. */
  add(entry: E, dueMs: number, nowMs: number): void {
    if (entry.wheelBucket >= 0) this.remove(entry)
    // Nothing was looked at while the wheel stood still; entries of that time do not exist either.
    if (this.#size === 0) this.#tick = Math.floor(nowMs / this.#tickMs)
    const tick = Math.max(Math.ceil(dueMs / this.#tickMs), this.#tick + 1)
    const bucket = tick % this.#heads.length
    const head = this.#heads[bucket]
    entry.wheelDueMs = dueMs
    entry.wheelBucket = bucket
    entry.wheelPrevious = undefined
    entry.wheelNext = head
    if (head !== undefined) head.wheelPrevious = entry
    this.#heads[bucket] = entry
    this.#size += 1
    this.#timer ??= this.#clock.setTimer(this.#turn, this.#tickMs)
  }

  remove(entry: E): void {
    if (entry.wheelBucket < 0) return
    const { wheelNext: next, wheelPrevious: previous } = entry
    if (previous === undefined) this.#heads[entry.wheelBucket] = next
    else previous.wheelNext = next
    if (next !== undefined) next.wheelPrevious = previous
    entry.wheelNext = undefined
    entry.wheelPrevious = undefined
    entry.wheelBucket = -1
    this.#size -= 1
  }

  /** All that stands in it now, in no order. */
  entries(): E[] {
    const entries: E[] = []
    for (const head of this.#heads) {
      for (let entry = head; entry !== undefined; entry = entry.wheelNext) entries.push(entry)
    }
    return entries
  }

  /** Stops the timer; what still stands in the wheel never becomes due. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  readonly #turn = (): void => {
    this.#timer = undefined
    const nowMs = this.#clock.monotonic()
    const current = Math.floor(nowMs / this.#tickMs)
    // After a long pause each bucket is looked at once, not once per missed tick.
    const first = Math.max(this.#tick + 1, current - this.#heads.length + 1)
    const due: E[] = []
    for (let tick = first; tick <= current; tick += 1) this.#collect(tick % this.#heads.length, nowMs, due)
    this.#tick = Math.max(this.#tick, current)
    for (const entry of due) this.#onDue(entry, nowMs)
    if (this.#size > 0) this.#timer ??= this.#clock.setTimer(this.#turn, this.#tickMs)
  }

  #collect(bucket: number, nowMs: number, due: E[]): void {
    let entry = this.#heads[bucket]
    while (entry !== undefined) {
      const next: E | undefined = entry.wheelNext
      if (entry.wheelDueMs <= nowMs) {
        this.remove(entry)
        due.push(entry)
      }
      entry = next
    }
  }
}
