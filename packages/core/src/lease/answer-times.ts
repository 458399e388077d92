import type { LeaseSettings } from './lease-options.ts'

/**
 * How long to wait for the answer to an offer, learnt from the answers so far, as TCP learns its retransmission timeout (RFC 6298): behind a broker with a
 * backlog answers are late, and offering again then would only have tasks done twice.
 */
export class AnswerTimes {
  readonly #settings: LeaseSettings
  #mean = 0
  #deviation = 0

  constructor(settings: LeaseSettings) {
    this.#settings = settings
  }

  /** An offer was answered; only offers made once tell which one the answer is to. */
  add(elapsedMs: number): void {
    if (this.#mean === 0) {
      this.#mean = elapsedMs
      this.#deviation = elapsedMs / 2
      return
    }
    this.#deviation += (Math.abs(elapsedMs - this.#mean) - this.#deviation) / 4
    this.#mean += (elapsedMs - this.#mean) / 8
  }

  /** Wait after the `sends`th offer of one attempt: doubled each time, with up to a quarter of jitter. */
  delayMs(sends: number): number {
    const { resendMs, resendMaxMs, random } = this.#settings
    const base = Math.max(resendMs, this.#mean + 4 * this.#deviation)
    const backedOff = Math.min(Math.max(resendMaxMs, base), base * 2 ** Math.min(sends - 1, 16))
    return backedOff * (1 + random() / 4)
  }
}
