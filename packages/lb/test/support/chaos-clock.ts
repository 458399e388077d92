import { ManualClock } from './manual-clock.ts'

/** A clock whose readings may step, while its timers go by the time that really passes. */
export class ChaosClock extends ManualClock {
  private monotonicStep = 0
  private epochStep = 0

  override monotonic(): number {
    return this.time + this.monotonicStep
  }

  override now(): number {
    return super.now() + this.epochStep
  }

  stepBack(ms: number): void {
    this.monotonicStep -= ms
  }

  setEpoch(stepMs: number): void {
    this.epochStep = stepMs
  }
}
