import { writeDropped } from '@aether/wire'
import type { Connection } from '../connection/connection.ts'

/**
 * What happens when a subscriber reads more slowly than others publish to it. First its publishers are paused, for `maxStallMs` at most; then it misses
 * messages, which are counted and told, until it has caught up. So one frozen subscriber costs the others no more than that time.
 */
export class Stalls {
  readonly #maxStallMs: number
  readonly #now: () => number
  readonly #slow = new Set<Connection>()
  /** Messages that connections missed, all in all. */
  dropped = 0

  constructor(maxStallMs: number, now: () => number) {
    this.#maxStallMs = maxStallMs
    this.#now = now
  }

  /** `slow` is over its high-water mark by what `feeder` sent. */
  hold(slow: Connection, feeder: Connection): void {
    if (slow.shedding) return
    if (slow.feeders === undefined) {
      if (this.#maxStallMs === 0) {
        slow.shedding = true
        return
      }
      slow.feeders = new Set()
      slow.stalledAt = this.#now()
      this.#slow.add(slow)
    }
    if (slow.feeders.has(feeder)) return
    slow.feeders.add(feeder)
    feeder.holds++
    if (feeder.holds === 1) feeder.socket.pause()
  }

  /** `connection` has caught up. */
  relieve(connection: Connection): void {
    this.#release(connection)
    connection.shedding = false
    this.tell(connection)
  }

  /** A shedding connection missed `messages`. */
  miss(connection: Connection, messages: number): void {
    connection.dropped += messages
    this.dropped += messages
  }

  /** Says what was missed since the last time. */
  tell(connection: Connection): void {
    if (connection.dropped === 0) return
    writeDropped(connection.out, Math.min(connection.dropped, 0xffff_ffff))
    connection.dropped = 0
    connection.touch()
  }

  /** A connection has ended. */
  forget(connection: Connection): void {
    this.#release(connection)
    if (connection.holds === 0) return
    for (const slow of this.#slow) slow.feeders?.delete(connection)
    connection.holds = 0
  }

  nextDueAt(): number {
    // The first in the set has waited longest.
    for (const slow of this.#slow) return slow.stalledAt + this.#maxStallMs
    return Infinity
  }

  run(now: number): void {
    for (const slow of this.#slow) {
      if (slow.stalledAt + this.#maxStallMs > now) return
      slow.shedding = true
      this.#release(slow)
    }
  }

  #release(slow: Connection): void {
    const feeders = slow.feeders
    if (feeders === undefined) return
    slow.feeders = undefined
    this.#slow.delete(slow)
    const now = this.#now()
    for (const feeder of feeders) {
      feeder.holds--
      if (feeder.holds > 0 || feeder.ended) continue
      // What it said meanwhile was not read: its silence does not count.
      feeder.heardAt = now
      feeder.socket.resume()
    }
  }
}
