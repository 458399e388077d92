import type { Clock, Timer } from '../clock.ts'
import { LbError } from '../errors.ts'
import type { Lease, Outcome } from '../requests/lease.ts'

/** Leases of those who ask from afar, by number. Who asked may never come back: each ends with the time of its request, so that no slot is lost. */
export class RemoteLeases {
  private readonly leases = new Map<number, { readonly lease: Lease; readonly timer: Timer }>()
  private last = 0
  private readonly clock: Clock
  private readonly timeoutMs: number

  constructor(options: { readonly clock: Clock; readonly requestTimeoutMs: number }) {
    this.clock = options.clock
    this.timeoutMs = options.requestTimeoutMs
  }

  keep(lease: Lease, timeoutMs: number = this.timeoutMs): number {
    const id = ++this.last
    const timer = this.clock.setTimer(() => {
      this.leases.delete(id)
      lease.done('cancelled')
    }, timeoutMs)
    this.leases.set(id, { lease, timer })
    return id
  }

  end(id: number, outcome: Outcome, latencyMs: number | undefined): void {
    const kept = this.leases.get(id)
    if (kept === undefined || kept.lease.isDone)
      throw new LbError('ERR_AETHER_OPERATION_INVALID', `there is no lease ${id}, or its time was over`)
    this.leases.delete(id)
    kept.timer.cancel()
    kept.lease.done(outcome, latencyMs)
  }

  close(): void {
    for (const { lease, timer } of this.leases.values()) {
      timer.cancel()
      lease.done('cancelled')
    }
    this.leases.clear()
  }
}
