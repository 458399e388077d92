/**
 * A rate limit by the generic cell rate algorithm: `perSecond` on average, `burst` at once. All that it needs to know of whom it limits is one number, kept
 * by them: the time at which the next request would come if all came evenly.
 */
export class Gcra {
  private readonly gapMs: number
  private readonly toleranceMs: number
  /** Sums of gaps differ in their last digits: a millionth of a gap is no reason to refuse. */
  private readonly roundingMs: number

  constructor(perSecond: number, burst: number) {
    this.gapMs = 1_000 / perSecond
    this.toleranceMs = this.gapMs * (burst - 1)
    this.roundingMs = this.gapMs * 1e-6
  }

  /** 0 if a request may pass now, otherwise the milliseconds after which it may. */
  waitMs(arrivesAt: number, now: number): number {
    return Math.max(0, arrivesAt - this.toleranceMs - now - this.roundingMs)
  }

  /** What to keep once a request has passed. */
  pass(arrivesAt: number, now: number): number {
    return (arrivesAt > now ? arrivesAt : now) + this.gapMs
  }
}
