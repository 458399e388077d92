/** How long it takes until an old rate hardly counts. */
const tauMs = 10_000
/** Reading more often than this would measure single requests. */
const leastMs = 1_000

/**
 * How many a second of something that is only counted. It looks at the count when it is asked, so counting costs nothing: the rate is that of the last ten
 * seconds, or of the time since it was last asked where that is longer.
 */
export class RateMeter {
  private rate = 0
  private total: number
  private readAt: number
  private isFresh = true

  constructor(total: number, now: number) {
    this.total = total
    this.readAt = now
  }

  read(total: number, now: number): number {
    const elapsed = now - this.readAt
    if (elapsed < leastMs) return this.rate
    const current = ((total - this.total) * 1_000) / elapsed
    // The first answer has nothing before it to be mixed with.
    const share = this.isFresh ? 1 : 1 - Math.exp(-elapsed / tauMs)
    this.rate += (current - this.rate) * share
    this.total = total
    this.readAt = now
    this.isFresh = false
    return this.rate
  }
}
