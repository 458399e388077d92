import type { EventClock } from './event-clock.ts'

/** A simulated backend: some slots, a queue before them, first come, first served. */
export class Server {
  private busy = 0
  private readonly waiting: (() => void)[] = []
  private first = 0
  private stalledUntil = 0
  private readonly clock: EventClock
  private readonly slots: number

  constructor(clock: EventClock, slots: number) {
    this.clock = clock
    this.slots = slots
  }

  /** Nothing that is under way or begins ends before this time. */
  stall(untilMs: number): void {
    this.stalledUntil = untilMs
  }

  serve(serviceMs: number, done: () => void): void {
    const begin = (): void => {
      this.busy++
      const restMs = Math.max(0, this.stalledUntil - this.clock.monotonic())
      this.clock.setTimer(() => this.end(done), restMs + serviceMs)
    }
    if (this.busy < this.slots) begin()
    else this.waiting.push(begin)
  }

  private end(done: () => void): void {
    const restMs = this.stalledUntil - this.clock.monotonic()
    // It was under way when the stall began.
    if (restMs > 0) {
      this.clock.setTimer(() => this.end(done), restMs)
      return
    }
    this.busy--
    done()
    const next = this.waiting[this.first]
    if (next === undefined || this.busy >= this.slots) return
    this.first++
    if (this.first > 1_024) {
      this.waiting.splice(0, this.first)
      this.first = 0
    }
    next()
  }
}
