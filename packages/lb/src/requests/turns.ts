import type { AdmissionQueue } from './admission-queue.ts'
import type { LbRequest } from './request.ts'

export interface TurnsWorld {
  readonly queue: AdmissionQueue
  /** Whether one more request may be under way at all. */
  readonly hasRoom: () => boolean
  readonly monotonic: () => number
}

/** Kinds of requests to look for a place for at one time. */
const mostKinds = 16

/**
 * Gives slots to those who wait, as they become free. Nobody waits for what is free: whoever comes while others wait can only be served if none of them could
 * be, and thus need not queue behind them.
 */
export class Turns {
  private isRunning = false
  private isPlanned = false
  /** How many may be served for what became free. */
  private open = 0
  private readonly world: TurnsWorld

  constructor(world: TurnsWorld) {
    this.world = world
  }

  /** So many slots became free. */
  wake(slots: number): void {
    this.open += slots
    // Whoever starts may end at once and wake again: the loop that runs goes on.
    if (this.isRunning) return
    const { queue, hasRoom, monotonic } = this.world
    this.isRunning = true
    try {
      while (this.open > 0 && queue.size > 0 && hasRoom() && this.serveOne(monotonic())) this.open--
    } finally {
      this.isRunning = false
      this.open = 0
    }
  }

  /** Backends or weights changed: anyone who waits may have a place now. */
  wakeSoon(): void {
    if (this.world.queue.size === 0 || this.isPlanned) return
    this.isPlanned = true
    queueMicrotask(() => this.catchUp())
  }

  /** What is planned is done before anyone else is let in. */
  catchUp(): void {
    if (!this.isPlanned) return
    this.isPlanned = false
    this.wake(Infinity)
  }

  /** Whether somebody took a slot. Requests of a kind for which there is none are passed over: they must not hold up those that need something else. */
  private serveOne(now: number): boolean {
    const { queue } = this.world
    const placeless: LbRequest[] = []
    let looked = 0
    let waiting = queue.next(now)
    while (waiting !== undefined && looked < mostKinds) {
      const following = queue.following(waiting)
      const { request } = waiting
      if (!placeless.some((other) => isSameKind(request, other))) {
        const turn = waiting.takeTurn(now)
        if (turn === 'taken') return true
        if (turn === 'waits') {
          looked++
          // Of one that may go to fewer backends nothing follows for the others.
          if (!waiting.hasTried && request.exclude === undefined) placeless.push(request)
        }
      }
      // Whoever left may have taken the next one along.
      waiting = following === undefined || following.isQueued ? following : queue.next(now)
    }
    return false
  }
}

/** Whether the same backends could take them. */
function isSameKind(one: LbRequest, other: LbRequest): boolean {
  if (one.workload !== other.workload) return false
  const [mine, theirs] = [one.requires, other.requires]
  if (mine === theirs) return true
  if (mine === undefined || theirs === undefined || mine.length !== theirs.length) return false
  return mine.every((each, index) => each === theirs[index])
}
