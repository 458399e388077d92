import type { Clock, Timer } from '../clock.ts'

/** Something that falls due; it is its own entry in the wheel, so that waiting allocates nothing. */
export interface Due {
  /** @internal */ dueBefore: Due | undefined
  /** @internal */ dueAfter: Due | undefined
  /** -1 while it waits for nothing. @internal */
  dueTick: number
  onDue(): void
}

const slots = 1_024

/**
 * Timeouts of requests: adding and cancelling is O(1) and touches no timer of the system. Never early, and up to a tick late. Its one timer stays armed for
 * a moment after the last entry is gone, since the next request will want it again.
 */
export class TimerWheel {
  private readonly clock: Clock
  private readonly tickMs: number
  private readonly heads: (Due | undefined)[] = new Array<Due | undefined>(slots).fill(undefined)
  private current: number
  private size = 0
  private timer: Timer | undefined = undefined
  private armedFor = 0

  constructor(clock: Clock, tickMs = 5) {
    this.clock = clock
    this.tickMs = tickMs
    this.current = this.tickNow()
  }

  get pending(): number {
    return this.size
  }

  /** `now` where the caller has just read the monotonic clock. */
  add(due: Due, delayMs: number, now: number = this.clock.monotonic()): void {
    if (this.size === 0) this.current = Math.max(this.current, Math.floor(now / this.tickMs))
    const tick = Math.max(this.current + 1, Math.ceil((now + delayMs) / this.tickMs))
    const slot = tick & (slots - 1)
    const head = this.heads[slot]
    due.dueTick = tick
    due.dueBefore = undefined
    due.dueAfter = head
    if (head !== undefined) head.dueBefore = due
    this.heads[slot] = due
    this.size++
    if (this.timer === undefined || tick < this.armedFor) this.arm(tick, now)
  }

  cancel(due: Due): void {
    if (due.dueTick < 0) return
    const slot = due.dueTick & (slots - 1)
    if (due.dueBefore === undefined) this.heads[slot] = due.dueAfter
    else due.dueBefore.dueAfter = due.dueAfter
    if (due.dueAfter !== undefined) due.dueAfter.dueBefore = due.dueBefore
    due.dueTick = -1
    due.dueBefore = undefined
    due.dueAfter = undefined
    this.size--
  }

  /** All that wait, as they are now. */
  entries(): readonly Due[] {
    const found: Due[] = []
    for (const head of this.heads) for (let due = head; due !== undefined; due = due.dueAfter) found.push(due)
    return found
  }

  close(): void {
    this.timer?.cancel()
    this.timer = undefined
  }

  private tickNow(): number {
    return Math.floor(this.clock.monotonic() / this.tickMs)
  }

  private arm(tick: number, now: number): void {
    this.timer?.cancel()
    this.armedFor = tick
    this.timer = this.clock.setTimer(() => this.turn(), Math.max(1, tick * this.tickMs - now))
  }

  private turn(): void {
    this.timer = undefined
    const target = this.tickNow()
    const last = Math.min(target, this.current + slots)
    while (this.current < last && this.size > 0) this.expire(++this.current, target)
    this.current = target
    // What was added meanwhile may have armed it for later than what was there already.
    if (this.size > 0) this.arm(this.nextTick(), this.clock.monotonic())
  }

  private expire(tick: number, target: number): void {
    let due = this.heads[tick & (slots - 1)]
    while (due !== undefined) {
      const isDue = due.dueTick <= target
      if (isDue) {
        this.cancel(due)
        due.onDue()
        // Whatever it did may have changed the list: from its head again.
        due = this.heads[tick & (slots - 1)]
      } else due = due.dueAfter
    }
  }

  /** The nearest slot that holds anything; a full turn at most. */
  private nextTick(): number {
    for (let step = 1; step <= slots; step++)
      if (this.heads[(this.current + step) & (slots - 1)] !== undefined) return this.current + step
    return this.current + slots
  }
}
