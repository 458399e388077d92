/** Most that can be saved up from requests without retries: what fails at once, when a backend dies, may be tried elsewhere at once. */
const maxSaved = 100
/** Retries per second that even little traffic may make. */
const reservePerSecond = 10

/**
 * Keeps retries from turning an outage into a storm: every request pays a fifth of a retry in, ten more a second are free, and at no time are more under way
 * than a fifth of all requests, or three. Under total failure that makes at most 1.2 R + 10/s attempts, and ten once (R are the requests since the start:
 * of those before the failure a hundred retries at most are saved up).
 */
export class RetryBudget {
  /** Retries that wait or run. */
  active = 0
  private saved = 0
  private reserve = reservePerSecond
  private refilledAt = -Infinity
  private readonly share: number
  private readonly minConcurrent: number

  constructor(share = 0.2, minConcurrent = 3) {
    this.share = share
    this.minConcurrent = minConcurrent
  }

  deposit(): void {
    this.saved = Math.min(maxSaved, this.saved + this.share)
  }

  /**
   * Whether one more may start now; if so `end` must follow. `requests`: active and pending ones. `isHandedOn` where it takes the place of one that ends now,
   * and for which `end` is not called.
   */
  begin(requests: number, now: number, isHandedOn = false): boolean {
    const others = isHandedOn ? this.active - 1 : this.active
    // A share that is whole may be a little less in its last digits.
    if (others + 1 > Math.max(this.minConcurrent, requests * this.share + 1e-9)) return false
    if (now > this.refilledAt) {
      const elapsed = this.refilledAt === -Infinity ? 0 : now - this.refilledAt
      this.reserve = Math.min(reservePerSecond, this.reserve + (elapsed * reservePerSecond) / 1_000)
      this.refilledAt = now
    }
    // A fifth five times over is not quite one.
    if (this.saved >= 1 - 1e-9) this.saved = Math.max(0, this.saved - 1)
    else if (this.reserve >= 1) this.reserve -= 1
    else return false
    if (!isHandedOn) this.active++
    return true
  }

  end(): void {
    this.active--
  }
}
