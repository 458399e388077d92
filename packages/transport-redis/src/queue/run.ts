import type { AetherEvent, Receipt, Route, TaskMessage } from '@aether/core'
import type { Lane } from './lane.ts'
import { limits } from './queue-settings.ts'

const accepted: Receipt = Object.freeze({ deduplicated: false })
const joined: Receipt = Object.freeze({ deduplicated: true })

/** One task that this instance performed or attached to, until its completion is told. */
export class Run {
  readonly lane: Lane
  readonly route: Route
  readonly tid: string
  /** Kept to be sent again if Redis forgets it; absent where it was only attached to. */
  readonly task: TaskMessage | undefined
  /** Resolves when Redis holds it; rejects where it was refused. */
  readonly receipt: Promise<Receipt>
  isConfirmed = false
  /** Its send was under way when a connection ended. */
  isRepeat = false
  /** Its caller gave up before it was sent. */
  isDropped = false
  /** When a send that goes wrong is given up; 0 before it first did. */
  giveUpAtMs = 0
  /** When it is asked for, having been silent. */
  checkAtMs = 0
  checkGapMs: number = limits.checkMs
  /** What came before the answer to its send. */
  early: AetherEvent[] | undefined
  /** Its place in the book, which alone changes them. */
  bookHash = 0
  bookNext: Run | undefined
  #attempt = 0
  #seq = 0
  #resolve!: (receipt: Receipt) => void
  #reject!: (error: unknown) => void

  constructor(lane: Lane, route: Route, tid: string, task: TaskMessage | undefined) {
    this.lane = lane
    this.route = route
    this.tid = tid
    this.task = task
    this.receipt = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  confirm(isJoined: boolean): void {
    this.isConfirmed = true
    this.#resolve(isJoined ? joined : accepted)
  }

  refuse(error: unknown): void {
    this.#reject(error)
  }

  /** Whether a status is new: one that was said again after a lost answer is not. */
  isNews(attempt: number, seq: number): boolean {
    if (attempt < this.#attempt || (attempt === this.#attempt && seq <= this.#seq)) return false
    this.#attempt = attempt
    this.#seq = seq
    return true
  }

  /** It was heard of, or is asked for now: the next time is later. */
  heard(nowMs: number, isSilent: boolean): void {
    this.checkGapMs = isSilent ? Math.min(this.checkGapMs * 2, limits.checkMaxMs) : limits.checkMs
    this.checkAtMs = nowMs + this.checkGapMs
  }
}
