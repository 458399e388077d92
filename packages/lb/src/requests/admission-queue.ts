import { checkCount, checkFields, checkMs } from '../check-options.ts'
import type { LbRequest } from './request.ts'

/** How many requests wait for a slot, and when a queue counts as standing (CoDel). */
export interface QueueOptions {
  /** Requests that may wait; 0 turns waiting off. @default 1_000 */
  readonly limit?: number
  /** Waiting longer than this, for as long as `intervalMs`, is a standing queue. @default 5 */
  readonly targetMs?: number
  /** @default 100 */
  readonly intervalMs?: number
}

export function checkQueue(options: QueueOptions, path = 'queue'): Required<QueueOptions> {
  const fields = checkFields(options, path, ['limit', 'targetMs', 'intervalMs'])
  return {
    limit: checkCount(fields['limit'] ?? 1_000, `${path}.limit`, 0),
    targetMs: checkMs(fields['targetMs'] ?? 5, `${path}.targetMs`),
    intervalMs: checkMs(fields['intervalMs'] ?? 100, `${path}.intervalMs`),
  }
}

/** What came of a turn: it took a slot, it is gone without one, or nothing that is free suits it. */
export type Turn = 'taken' | 'gone' | 'waits'

/** Who waits; it is its own entry in the queue. */
export interface Waiting {
  readonly request: LbRequest
  /** Backends are excluded that had it before. */
  readonly hasTried: boolean
  readonly queuePriority: number
  /** @internal */ queuedAt: number
  /** @internal */ isQueued: boolean
  /** @internal */ queueOlder: Waiting | undefined
  /** @internal */ queueNewer: Waiting | undefined
  takeTurn(now: number): Turn
  /** Refused after all: to make room, or because it waited too long while a queue stands. */
  shed(reason: 'full' | 'overload'): void
}

export const queuePriorities = 8

class Line {
  oldest: Waiting | undefined = undefined
  newest: Waiting | undefined = undefined
}

/**
 * Requests that wait for a slot: bounded, the higher priority first, and under control of CoDel. As long as waiting times fall below the target now and then
 * it is first come, first served. Once they no longer do, a queue stands that only costs time: then those who waited more than twice the target are refused,
 * and the newest goes first, since its caller is the one still there.
 */
export class AdmissionQueue {
  size = 0
  /** Whether a queue stands. */
  isOverloaded = false
  private readonly lines: readonly Line[] = Array.from({ length: queuePriorities }, () => new Line())
  private leastWaitMs = Infinity
  private intervalEnd = -Infinity
  private readonly options: Required<QueueOptions>

  constructor(options: Required<QueueOptions>) {
    this.options = options
  }

  /** False where it is full of what is no less important. The newest of the least important makes room. */
  push(waiting: Waiting, now: number): boolean {
    if (this.size >= this.options.limit && !this.makeRoom(waiting.queuePriority)) return false
    const line = this.line(waiting)
    waiting.queuedAt = now
    waiting.isQueued = true
    waiting.queueOlder = line.newest
    waiting.queueNewer = undefined
    if (line.newest === undefined) line.oldest = waiting
    else line.newest.queueNewer = waiting
    line.newest = waiting
    this.size++
    return true
  }

  /** Whose turn it is; sheds whoever waited too long. Taken out only by `remove`. */
  next(now: number): Waiting | undefined {
    for (let priority = queuePriorities - 1; priority >= 0; priority--) {
      const line = this.lines[priority] as Line
      if (line.oldest === undefined) continue
      this.observe(now - line.oldest.queuedAt, now)
      if (this.isOverloaded) this.shedLate(line, now)
      const turn = this.isOverloaded ? line.newest : line.oldest
      if (turn !== undefined) return turn
    }
    return undefined
  }

  /** Who comes after this one, for a slot that does not suit it. */
  following(waiting: Waiting): Waiting | undefined {
    const behind = this.isOverloaded ? waiting.queueOlder : waiting.queueNewer
    if (behind !== undefined) return behind
    for (let priority = waiting.queuePriority - 1; priority >= 0; priority--) {
      const line = this.lines[priority] as Line
      const first = this.isOverloaded ? line.newest : line.oldest
      if (first !== undefined) return first
    }
    return undefined
  }

  remove(waiting: Waiting): void {
    if (!waiting.isQueued) return
    const line = this.line(waiting)
    if (waiting.queueOlder === undefined) line.oldest = waiting.queueNewer
    else waiting.queueOlder.queueNewer = waiting.queueNewer
    if (waiting.queueNewer === undefined) line.newest = waiting.queueOlder
    else waiting.queueNewer.queueOlder = waiting.queueOlder
    waiting.queueOlder = undefined
    waiting.queueNewer = undefined
    waiting.isQueued = false
    this.size--
    if (this.size === 0) this.forgetWaits()
  }

  private line(waiting: Waiting): Line {
    return this.lines[waiting.queuePriority] as Line
  }

  private observe(waitMs: number, now: number): void {
    if (waitMs < this.leastWaitMs) this.leastWaitMs = waitMs
    if (now < this.intervalEnd) return
    // The first interval has seen nothing yet: it begins now.
    if (this.intervalEnd > -Infinity) this.isOverloaded = this.leastWaitMs > this.options.targetMs
    this.intervalEnd = now + this.options.intervalMs
    this.leastWaitMs = waitMs
  }

  /** Nobody waits: what stands from now on is another queue. */
  private forgetWaits(): void {
    this.isOverloaded = false
    this.leastWaitMs = Infinity
    this.intervalEnd = -Infinity
  }

  private shedLate(line: Line, now: number): void {
    const longest = this.options.targetMs * 2
    // The newest of all stays: refusing everyone would leave the slot empty that asked for the next.
    while (line.oldest !== line.newest && line.oldest !== undefined && now - line.oldest.queuedAt > longest) {
      const late = line.oldest
      this.remove(late)
      late.shed('overload')
    }
  }

  private makeRoom(priority: number): boolean {
    if (this.options.limit === 0) return false
    for (let below = 0; below < priority; below++) {
      const victim = (this.lines[below] as Line).newest
      if (victim === undefined) continue
      this.remove(victim)
      victim.shed('full')
      return true
    }
    return false
  }
}
