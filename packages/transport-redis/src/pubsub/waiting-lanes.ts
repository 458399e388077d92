import type { Clock, Timer } from '@aether/core'
import type { Lane } from './lane.ts'
import type { Hold } from './open-task.ts'
import type { Seat } from './peer.ts'

/** How long a worker that refused for want of room is let alone. */
const fullPauseMs = 50

export interface WaitingLanesHost {
  readonly clock: Clock
  /** Whether there is a connection: what waits is not handed out without one. */
  readonly isReady: () => boolean
  readonly transmit: (hold: Hold, seat: Seat) => void
}

/** The lanes in which something waits for a worker with room. */
export class WaitingLanes {
  readonly #host: WaitingLanesHost
  readonly #lanes = new Set<Lane>()
  readonly #pauses = new Set<Timer>()

  constructor(host: WaitingLanesHost) {
    this.#host = host
  }

  add(hold: Hold, isFirst: boolean): void {
    hold.status = 'waiting'
    hold.isQueued = true
    hold.lane.enqueue(hold, isFirst)
    this.#lanes.add(hold.lane)
  }

  /** Hands out what waits, where there is room. */
  pump(): void {
    if (!this.#host.isReady()) return
    for (const lane of this.#lanes) this.#pumpLane(lane)
  }

  /** It has no room, though it should: other callers have filled it. */
  pause(seat: Seat): void {
    if (seat.isFull) return
    seat.isFull = true
    const timer = this.#host.clock.setTimer(() => {
      this.#pauses.delete(timer)
      seat.isFull = false
      this.pump()
    }, fullPauseMs)
    this.#pauses.add(timer)
  }

  close(): void {
    for (const timer of this.#pauses) timer.cancel()
    this.#pauses.clear()
    this.#lanes.clear()
  }

  #pumpLane(lane: Lane): void {
    lane.page.union.freshen(lane.page)
    for (;;) {
      if (lane.waiting === 0) {
        this.#lanes.delete(lane)
        return
      }
      const seat = lane.pick()
      if (seat === undefined) return
      const hold = lane.shift()
      if (hold === undefined) return
      hold.isQueued = false
      this.#host.transmit(hold, seat)
    }
  }
}
