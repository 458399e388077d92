/**
 * A latency estimate that jumps to a peak at once and forgets it slowly: `cost` is the latest peak, decayed by `e^(-t/τ)`, and drawn to each smaller
 * sample by as much as time has passed. (Finagle's peak EWMA.)
 */
export class PeakEwma {
  cost = 0
  stampedAt = 0
  hasHistory = false
  readonly tauMs: number

  constructor(tauMs: number) {
    this.tauMs = tauMs
  }

  /** A latency that is no number, or none that can be, says nothing. */
  observe(latencyMs: number, now: number): void {
    if (!(latencyMs >= 0 && latencyMs < Infinity)) return
    if (!this.hasHistory) {
      this.hasHistory = true
      this.cost = latencyMs
      this.stampedAt = now
      return
    }
    const fading = Math.exp((this.stampedAt - now) / this.tauMs)
    const decayed = this.cost * fading
    this.cost = latencyMs > decayed ? latencyMs : decayed + latencyMs * (1 - fading)
    this.stampedAt = now
  }

  read(now: number): number {
    const age = now - this.stampedAt
    // Under a hundredth of τ the estimate changes by less than a hundredth: not worth an exponential.
    if (age * 100 < this.tauMs) return this.cost
    return this.cost * Math.exp(-age / this.tauMs)
  }
}
