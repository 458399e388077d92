import type { Clock, Timer } from '../clock.ts'

/** What `set` gives out: a timer that knows its place, so that each costs one object. */
class Entry implements Timer {
  readonly dueAt: number
  /** Breaks ties, so that equal times run in the order in which they were set. */
  readonly order: number
  readonly run: (lateMs: number) => void
  /** Place in the heap; -1 when it ran or was cancelled. */
  index = -1
  readonly #heap: TimerHeap

  constructor(
    heap: TimerHeap,
    given: { readonly dueAt: number; readonly order: number; readonly run: (lateMs: number) => void },
  ) {
    this.#heap = heap
    this.dueAt = given.dueAt
    this.order = given.order
    this.run = given.run
  }

  cancel(): void {
    this.#heap.remove(this)
  }
}

/** Very many timeouts over one timer of the clock: O(log n) to set and to cancel, and nothing stays behind of what was cancelled. */
export class TimerHeap {
  readonly #clock: Clock
  readonly #entries: Entry[] = []
  #order = 0
  #timer: Timer | undefined
  #timerAt = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#entries.length
  }

  /** Calls `run` once, `delayMs` from now or later; it is told how much later. */
  set(delayMs: number, run: (lateMs: number) => void): Timer {
    const dueAt = this.#clock.monotonic() + Math.max(0, delayMs)
    const entry = new Entry(this, { dueAt, order: this.#order++, run })
    entry.index = this.#entries.length
    this.#entries.push(entry)
    this.#up(entry)
    this.#arm()
    return entry
  }

  /** Cancels everything. */
  clear(): void {
    for (const entry of this.#entries) entry.index = -1
    this.#entries.length = 0
    this.#arm()
  }

  #arm(): void {
    const dueAt = this.#entries[0]?.dueAt ?? Infinity
    // A timer that fires too early costs one look; setting it anew for each change would cost more.
    if (this.#timer && dueAt >= this.#timerAt && dueAt !== Infinity) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = dueAt
    if (dueAt === Infinity) return
    // Timers of the platform hold 31 bits: a later one is armed again on the way.
    const delayMs = Math.min(2 ** 31 - 1, Math.max(0, dueAt - this.#clock.monotonic()))
    this.#timer = this.#clock.setTimer(() => this.#fire(), delayMs)
  }

  #fire(): void {
    this.#timer = undefined
    this.#timerAt = Infinity
    const now = this.#clock.monotonic()
    try {
      for (let first = this.#entries[0]; first && first.dueAt <= now; first = this.#entries[0]) {
        this.#take(first)
        first.run(now - first.dueAt)
      }
    } finally {
      this.#arm()
    }
  }

  /** Cancels one that `set` gave out; one that ran already stays as it is. */
  remove(entry: Entry): void {
    if (entry.index < 0) return
    this.#take(entry)
    if (this.#entries.length === 0) this.#arm()
  }

  #take(entry: Entry): void {
    const { index } = entry
    entry.index = -1
    const last = this.#entries.pop()
    if (last && last !== entry) {
      last.index = index
      this.#entries[index] = last
      this.#up(last)
      this.#down(last)
    }
  }

  #up(entry: Entry): void {
    while (entry.index > 0) {
      const parent = this.#entries[(entry.index - 1) >> 1] as Entry
      if (!isBefore(entry, parent)) return
      this.#swap(entry, parent)
    }
  }

  #down(entry: Entry): void {
    for (;;) {
      const left = this.#entries[2 * entry.index + 1]
      const right = this.#entries[2 * entry.index + 2]
      const child = right && left && isBefore(right, left) ? right : left
      if (!child || !isBefore(child, entry)) return
      this.#swap(entry, child)
    }
  }

  #swap(a: Entry, b: Entry): void {
    const { index } = a
    a.index = b.index
    b.index = index
    this.#entries[a.index] = a
    this.#entries[b.index] = b
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order)
}
