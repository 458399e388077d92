import { slotMs } from './timing-wheel.ts'
import type { Task } from './task.ts'

/** Finished tasks in the order in which they are forgotten: their time is the same for all, so a list will do. */
export class Results {
  readonly #limit: number
  readonly #maxBytes: number
  readonly #ttlMs: number
  #oldest: Task | undefined = undefined
  #newest: Task | undefined = undefined
  #size = 0
  #bytes = 0

  constructor(limit: number, maxBytes: number, ttlMs: number) {
    // Without time nothing is remembered at all.
    this.#limit = ttlMs === 0 ? 0 : limit
    this.#maxBytes = maxBytes
    this.#ttlMs = ttlMs
  }

  get size(): number {
    return this.#size
  }

  /** Remembers a task that has just ended, with a result of `task.resultBytes`. */
  add(task: Task, now: number): void {
    this.#bytes += task.resultBytes
    // In steps of a slot, so that a stream of results does not ask for a tick each.
    task.forgetAt = Math.ceil((now + this.#ttlMs) / slotMs) * slotMs
    if (this.#newest === undefined) this.#oldest = task
    else this.#newest.nextResult = task
    this.#newest = task
    this.#size++
  }

  /** Takes out the oldest one that is over the limit or past its time. */
  shift(now: number): Task | undefined {
    const task = this.#oldest
    if (task === undefined || (!this.#isOver && task.forgetAt > now)) return undefined
    this.#oldest = task.nextResult
    if (this.#oldest === undefined) this.#newest = undefined
    task.nextResult = undefined
    this.#size--
    this.#bytes -= task.resultBytes
    return task
  }

  get #isOver(): boolean {
    return this.#size > this.#limit || this.#bytes > this.#maxBytes
  }

  nextAt(): number {
    return this.#oldest === undefined ? Infinity : this.#oldest.forgetAt
  }
}
