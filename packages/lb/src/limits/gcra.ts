/**
 * A rate limit by the generic cell rate algorithm: `perSecond` on average, `burst` at once. One number of state: the time at which the next request would
 * come if all came evenly.
 */
export class Gcra {
  private arrivesAt = -Infinity
  private readonly gapMs: number
  private readonly toleranceMs: number

  constructor(perSecond: number, burst: number) {
    this.gapMs = 1_000 / perSecond
    this.toleranceMs = this.gapMs * (burst - 1)
  }

  /** 0 if it may pass, otherwise the milliseconds after which it may. */
  take(now: number): number {
    const expected = this.arrivesAt > now ? this.arrivesAt : now
    const waitMs = expected - this.toleranceMs - now
    // Sums of gaps differ in their last digits; a millionth of a gap is no reason to refuse.
    if (waitMs > this.gapMs * 1e-6) return waitMs
    this.arrivesAt = expected + this.gapMs
    return 0
  }
}
