import type { Clock, Timer } from '@aether/core'

/** What stands in a wheel: 0 while it stands in none. */
export interface TickEntry {
  dueTick: number
}

const tickMs = 20

/** Timeouts of very many tasks over one timer: O(1) to add and to remove, due up to a tick late and never early. */
export class TickWheel<E extends TickEntry> {
  readonly #clock: Clock
  readonly #onDue: (entry: E) => void
  readonly #ticks = new Map<number, Set<E>>()
  #looked = 0
  #timer: Timer | undefined

  constructor(clock: Clock, onDue: (entry: E) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  add(entry: E, delayMs: number): void {
    const now = this.#clock.monotonic()
    if (this.#ticks.size === 0) this.#looked = Math.floor(now / tickMs)
    entry.dueTick = Math.max(Math.ceil((now + delayMs) / tickMs), this.#looked + 1)
    const entries = this.#ticks.get(entry.dueTick)
    if (entries === undefined) this.#ticks.set(entry.dueTick, new Set([entry]))
    else entries.add(entry)
    this.#timer ??= this.#clock.setTimer(() => this.#turn(), tickMs)
  }

  remove(entry: E): void {
    const entries = this.#ticks.get(entry.dueTick)
    if (entries?.delete(entry) === true && entries.size === 0) this.#ticks.delete(entry.dueTick)
    entry.dueTick = 0
  }

  clear(): void {
    this.#ticks.clear()
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #turn(): void {
    this.#timer = undefined
    const current = Math.floor(this.#clock.monotonic() / tickMs)
    const due = current - this.#looked > this.#ticks.size ? this.#dueOf(current) : this.#dueUntil(current)
    this.#looked = Math.max(this.#looked, current)
    for (const entry of due) this.#onDue(entry)
    if (this.#ticks.size > 0) this.#timer ??= this.#clock.setTimer(() => this.#turn(), tickMs)
  }

  #dueUntil(current: number): E[] {
    const due: E[] = []
    for (let tick = this.#looked + 1; tick <= current; tick++) this.#take(tick, due)
    return due
  }

  /** After a long pause there are fewer ticks with entries than ticks that were missed. */
  #dueOf(current: number): E[] {
    const due: E[] = []
    for (const tick of [...this.#ticks.keys()].filter((each) => each <= current).toSorted((a, b) => a - b))
      this.#take(tick, due)
    return due
  }

  #take(tick: number, due: E[]): void {
    for (const entry of this.#ticks.get(tick) ?? []) {
      entry.dueTick = 0
      due.push(entry)
    }
    this.#ticks.delete(tick)
  }
}
