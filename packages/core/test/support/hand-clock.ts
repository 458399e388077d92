import type { Clock, Timer } from '../../src/clock.ts'

interface Entry {
  readonly dueMs: number
  readonly callback: () => void
}

/** A clock that stands still until it is stepped. */
export class HandClock implements Clock {
  #elapsedMs = 0
  #timers = new Set<Entry>()

  now(): number {
    return 1_700_000_000_000 + this.#elapsedMs
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const entry = { dueMs: this.#elapsedMs + Math.max(0, delayMs), callback }
    this.#timers.add(entry)
    return { cancel: () => this.#timers.delete(entry) }
  }

  /** Timers that wait: none may be left after closing. */
  get pending(): number {
    return this.#timers.size
  }

  /** Steps on, firing each timer at its time and letting promises run in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms
    await settleDown()
    for (let next = this.#nextBy(untilMs); next !== undefined; next = this.#nextBy(untilMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs)
      this.#timers.delete(next)
      next.callback()
      await settleDown()
    }
    this.#elapsedMs = untilMs
    await settleDown()
  }

  #nextBy(untilMs: number): Entry | undefined {
    let next: Entry | undefined
    for (const entry of this.#timers) {
      if (entry.dueMs <= untilMs && (next === undefined || entry.dueMs < next.dueMs)) next = entry
    }
    return next
  }
}

/** Lets everything that needs no time happen: promise chains, however long. */
export function settleDown(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
