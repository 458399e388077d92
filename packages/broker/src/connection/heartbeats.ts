import { writePing } from '@aether/wire'
import type { Connection } from './connection.ts'

/** Finds connections that are gone without a word: PING after one heartbeat of silence, the end after two. */
export class Heartbeats {
  readonly #connections: ReadonlySet<Connection>
  readonly #heartbeatMs: number
  #nextAt: number
  #token = 0
  lost = 0

  constructor(connections: ReadonlySet<Connection>, heartbeatMs: number, now: number) {
    this.#connections = connections
    this.#heartbeatMs = heartbeatMs
    this.#nextAt = now + heartbeatMs / 2
  }

  nextDueAt(): number {
    return this.#connections.size === 0 ? Infinity : this.#nextAt
  }

  /** Looks at every connection, twice a heartbeat; those that are lost are dropped. */
  run(now: number): void {
    // This process itself was away: its silence is not theirs, so they are asked first.
    const wasAway = now - this.#nextAt > this.#heartbeatMs / 2
    this.#nextAt = now + this.#heartbeatMs / 2
    this.#token = (this.#token + 1) >>> 0
    for (const connection of this.#connections) {
      // Not heard because not read: its time counts from when it is read again. Before HELLO another deadline holds.
      if (connection.holds > 0 || !connection.open) continue
      if (wasAway) connection.heardAt = Math.max(connection.heardAt, now - this.#heartbeatMs)
      const silentMs = now - connection.heardAt
      if (silentMs >= 2 * this.#heartbeatMs) {
        this.lost++
        connection.drop()
      } else if (silentMs >= this.#heartbeatMs && !connection.pinged) {
        connection.pinged = true
        writePing(connection.out, this.#token)
        connection.touch()
      } else if (silentMs >= this.#heartbeatMs / 2) connection.rest()
    }
  }
}
