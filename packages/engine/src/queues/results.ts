import { slotMs } from '../timing-wheel.ts'
import type { Settlement } from '../contract.ts'
import { Finished } from './finished.ts'
import type { Task } from './task.ts'

/** Finished tasks in the order in which they are forgotten: their time is the same for all, so a list will do. */
export class Results {
  readonly #limit: number
  readonly #maxBytes: number
  readonly #ttlMs: number
  #oldest: Finished | undefined = undefined
  #newest: Finished | undefined = undefined
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

  /** Remembers a task that has just ended, with a result of so many bytes. */
  add(task: Task, settlement: Settlement<unknown>, bytes: number, now: number): Finished {
    // In steps of a slot, so that a stream of results does not ask for a tick each.
    const forgetAt = Math.ceil((now + this.#ttlMs) / slotMs) * slotMs
    const finished = new Finished(task, settlement, bytes, forgetAt)
    if (this.#newest === undefined) this.#oldest = finished
    else this.#newest.next = finished
    this.#newest = finished
    this.#size++
    this.#bytes += bytes
    return finished
  }

  /** Takes out the oldest one that is over the limit or past its time. */
  shift(now: number): Finished | undefined {
    const finished = this.#oldest
    if (finished === undefined || (!this.#isOver && finished.forgetAt > now)) return undefined
    this.#oldest = finished.next
    if (this.#oldest === undefined) this.#newest = undefined
    finished.next = undefined
    this.#size--
    this.#bytes -= finished.bytes
    return finished
  }

  get #isOver(): boolean {
    return this.#size > this.#limit || this.#bytes > this.#maxBytes
  }

  nextAt(): number {
    return this.#oldest === undefined ? Infinity : this.#oldest.forgetAt
  }
}
