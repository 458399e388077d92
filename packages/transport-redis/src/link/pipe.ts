import type { Cluster, Command, Redis } from 'ioredis'
import { backlogFull } from '../errors.ts'

/** What may wait for a connection that takes nothing at the moment: past it, calls are held back. */
const MOST_BYTES = 64 * 1024 * 1024

/** Sends commands over one connection, those of one turn in one write. */
export class Pipe {
  readonly redis: Redis
  #corked: Redis['stream'] | undefined

  constructor(redis: Redis) {
    this.redis = redis
  }

  /** `to` is a Cluster where the answer may be that another node has it. */
  send(command: Command, to: Redis | Cluster = this.redis): void {
    // Bytes of this turn wait too, but never long.
    if (this.#corked === undefined && this.redis.stream.writableLength > MOST_BYTES)
      return command.reject(backlogFull(MOST_BYTES))
    if (this.#corked === undefined) {
      this.#corked = this.redis.stream
      this.#corked.cork()
      queueMicrotask(this.#uncork)
    }
    to.sendCommand(command)
  }

  readonly #uncork = (): void => {
    const stream = this.#corked
    this.#corked = undefined
    stream?.uncork()
  }
}
