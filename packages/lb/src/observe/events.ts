import type { Health } from '../backends/backend.ts'
import type { BreakerState } from '../health/circuit-breaker.ts'

/** What happened to the balancer and its backends; for watching only, nothing depends on it. */
export type LbEvent =
  | { readonly type: 'backend-added' | 'backend-removed' | 'backend-updated'; readonly backendId: string }
  | { readonly type: 'draining' | 'restored'; readonly backendId: string }
  | {
      readonly type: 'drained'
      readonly backendId: string
      readonly active: number
      readonly sessions: number
    }
  | {
      readonly type: 'health'
      readonly backendId: string
      readonly from: Health
      readonly to: Health
      /** Why the check failed. */
      readonly error?: string
    }
  | { readonly type: 'breaker'; readonly backendId: string; readonly to: BreakerState }
  | { readonly type: 'ejected'; readonly backendId: string; readonly reason: string }
  | { readonly type: 'returned'; readonly backendId: string }
  | { readonly type: 'panic'; readonly isPanic: boolean }
  | { readonly type: 'flood'; readonly client: string }
  | { readonly type: 'algorithm'; readonly name: string }
  | { readonly type: 'resolved'; readonly name: string; readonly addresses: readonly string[] }
  | { readonly type: 'resolve-failed'; readonly name: string; readonly error: string }
  | { readonly type: 'scaled'; readonly from: number; readonly to: number }
  | { readonly type: 'scale-failed'; readonly to: number; readonly error: string }
  /** A reader was too slow: this many events were dropped before the next one. */
  | { readonly type: 'missed'; readonly count: number }

/** One event as the journal keeps it. */
export interface JournalEntry {
  /** Counts up from 1. */
  readonly sequence: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly event: LbEvent
}

export interface EventStreamWorld {
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly onEvent: (event: LbEvent) => void
}

/** Events that the journal keeps for those who ask later. */
const journalLimit = 1_000

/** Hands each event to everyone who iterates, and keeps the latest for those who poll; one who is slow loses the oldest of what it has not read. */
export class EventStream {
  private readonly readers = new Set<EventReader>()
  private readonly journal: JournalEntry[] = []
  private sequence = 0
  private isClosed = false
  private readonly world: EventStreamWorld

  constructor(world: EventStreamWorld) {
    this.world = world
  }

  emit(event: LbEvent): void {
    const entry = { sequence: ++this.sequence, at: this.world.now(), event }
    this.journal[(entry.sequence - 1) % journalLimit] = entry
    for (const reader of this.readers) reader.push(event)
    this.world.onEvent(event)
  }

  open(limit: number): AsyncIterableIterator<LbEvent> {
    const reader = new EventReader(limit, () => this.readers.delete(reader))
    if (this.isClosed) reader.end()
    else this.readers.add(reader)
    return reader
  }

  /** Those after number `after`, at most `limit`, the oldest first; one from before a restart counts as 0. */
  since(after: number, limit: number): readonly JournalEntry[] {
    const known = after > this.sequence ? 0 : after
    const first = Math.max(known, this.sequence - journalLimit)
    const count = Math.min(limit, this.sequence - first)
    return Array.from(
      { length: count },
      (_, index) => this.journal[(first + index) % journalLimit] as JournalEntry,
    )
  }

  close(): void {
    this.isClosed = true
    for (const reader of this.readers) reader.end()
  }
}

class EventReader implements AsyncIterableIterator<LbEvent> {
  private readonly waiting: ((result: IteratorResult<LbEvent>) => void)[] = []
  private readonly events: LbEvent[] = []
  private missed = 0
  private isEnded = false
  private readonly limit: number
  private readonly onEnd: () => void

  constructor(limit: number, onEnd: () => void) {
    this.limit = limit
    this.onEnd = onEnd
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  push(event: LbEvent): void {
    const waiter = this.waiting.shift()
    if (waiter !== undefined) {
      waiter({ done: false, value: event })
      return
    }
    if (this.events.length === this.limit) {
      this.events.shift()
      this.missed++
    }
    this.events.push(event)
  }

  next(): Promise<IteratorResult<LbEvent>> {
    if (this.missed > 0) {
      const value = { type: 'missed', count: this.missed } as const
      this.missed = 0
      return Promise.resolve({ done: false, value })
    }
    const event = this.events.shift()
    if (event !== undefined) return Promise.resolve({ done: false, value: event })
    if (this.isEnded) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  return(): Promise<IteratorResult<LbEvent>> {
    this.events.length = 0
    this.missed = 0
    this.end()
    return Promise.resolve({ done: true, value: undefined })
  }

  /** What was not read yet still can be. */
  end(): void {
    this.isEnded = true
    this.onEnd()
    for (const waiter of this.waiting.splice(0)) waiter({ done: true, value: undefined })
  }
}
