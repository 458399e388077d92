import { checkMs } from '../check-options.ts'
import type { Clock } from '../clock.ts'
import { expectManyListeners } from '../expect-many-listeners.ts'
import type { Endpoint } from './endpoint.ts'

/** How long a drain waits, and whether it may leave a replica group short. */
export interface DrainOptions {
  /** Also where its replica group would then have too few. @default false */
  readonly force?: boolean
  /** @default the balancer's `drainTimeoutMs` */
  readonly timeoutMs?: number
  /** Stops waiting; the backend goes on draining. */
  readonly signal?: AbortSignal
}

/** What was left when the wait of a drain ended; nothing where both are 0. */
export interface Drained {
  /** Requests that still were under way when the wait ended. */
  readonly active: number
  /** Sticky sessions that still led there; those by cookie are their clients', and not counted. */
  readonly sessions: number
}

export interface DrainWorld {
  readonly clock: Clock
  readonly drainTimeoutMs: number
  /** Sessions are remembered by their clients: nobody can tell when the last of them has ended. */
  readonly hasUncountedSessions: boolean
  /** Forgets sessions that are over. */
  readonly sweep: () => void
}

/** How often a drain looks whether requests and sessions have ended: nobody tells when one does. */
const pollMs = 100

/** Those who wait for backends to be empty. */
export class Drains {
  private readonly sleepers = new Set<() => void>()
  private isClosed = false
  private readonly world: DrainWorld

  constructor(world: DrainWorld) {
    this.world = world
  }

  timeoutOf({ timeoutMs }: DrainOptions): number {
    return timeoutMs === undefined ? this.world.drainTimeoutMs : checkMs(timeoutMs, 'timeoutMs')
  }

  /** Resolves when the backend is empty, is gone, drains no more, or the time is over. */
  async wait(endpoint: Endpoint, options: DrainOptions): Promise<Drained> {
    const { clock, sweep } = this.world
    const endsAt = clock.monotonic() + this.timeoutOf(options)
    while (this.isBusy(endpoint)) {
      const leftMs = endsAt - clock.monotonic()
      if (leftMs <= 0) break
      // Less than a millisecond may be too little for a clock to go on by, and then the wait would never end.
      await this.sleep(Math.max(1, Math.min(pollMs, leftMs)), options.signal)
      sweep()
    }
    return { active: endpoint.active, sessions: endpoint.sessions }
  }

  /** Something changed that no one need wait for. */
  wake(): void {
    for (const wake of this.sleepers) wake()
  }

  close(): void {
    this.isClosed = true
    this.wake()
  }

  private isBusy(endpoint: Endpoint): boolean {
    if (this.isClosed || endpoint.isRemoved || !endpoint.isDraining) return false
    return endpoint.active > 0 || endpoint.sessions > 0 || this.world.hasUncountedSessions
  }

  private sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        timer.cancel()
        this.sleepers.delete(wake)
        signal?.removeEventListener('abort', stop)
      }
      const wake = (): void => {
        end()
        resolve()
      }
      const stop = (): void => {
        end()
        reject(signal?.reason)
      }
      const timer = this.world.clock.setTimer(wake, delayMs)
      this.sleepers.add(wake)
      if (signal === undefined) return
      expectManyListeners(signal)
      signal.addEventListener('abort', stop, { once: true })
    })
  }
}
