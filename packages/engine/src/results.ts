import { slotMs } from './timing-wheel.ts'
import type { Task } from './task.ts'

/** Finished tasks in the order in which they are forgotten: their time is the same for all, so a list will do. */
export class Results {
  readonly #limit: number
  readonly #ttlMs: number
  #oldest: Task | undefined = undefined
  #newest: Task | undefined = undefined
  #size = 0

  constructor(limit: number, ttlMs: number) {
    // Without time nothing is remembered at all.
    this.#limit = ttlMs === 0 ? 0 : limit
    this.#ttlMs = ttlMs
  }

  get size(): number {
    return this.#size
  }

  /** Remembers a task that has just ended. */
  add(task: Task, now: number): void {
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
    if (task === undefined || (this.#size <= this.#limit && task.forgetAt > now)) return undefined
    this.#oldest = task.nextResult
    if (this.#oldest === undefined) this.#newest = undefined
    task.nextResult = undefined
    this.#size--
    return task
  }

  nextAt(): number {
    return this.#oldest === undefined ? Infinity : this.#oldest.forgetAt
  }
}
