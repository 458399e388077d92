import type { Endpoint } from '../backends/endpoint.ts'
import { HeldLease, type LeaseOwner, type Outcome } from './lease.ts'
import type { Due, TimerWheel } from './timer-wheel.ts'

/** A lease that comes back by itself, so that one who forgets it, or never returns, holds its slot no longer than that. */
export class TimedLease extends HeldLease implements Due {
  dueBefore: Due | undefined = undefined
  dueAfter: Due | undefined = undefined
  dueTick = -1
  private readonly wheel: TimerWheel

  constructor(
    endpoint: Endpoint,
    owner: LeaseOwner,
    time: { readonly now: number; readonly timeoutMs: number; readonly wheel: TimerWheel },
  ) {
    super(endpoint, owner, time.now)
    this.wheel = time.wheel
    time.wheel.add(this, time.timeoutMs, time.now)
  }

  override done(outcome?: Outcome, latencyMs?: number): void {
    this.wheel.cancel(this)
    super.done(outcome, latencyMs)
  }

  /** Nobody said how it went: that says nothing of the backend. */
  onDue(): void {
    this.done('cancelled')
  }
}
