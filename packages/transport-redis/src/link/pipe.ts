import type { Command, Redis } from 'ioredis'

/** Sends commands over one connection, those of one turn in one write. */
export class Pipe {
  readonly redis: Redis
  #corked: Redis['stream'] | undefined

  constructor(redis: Redis) {
    this.redis = redis
  }

  send(command: Command): void {
    if (this.#corked === undefined) {
      this.#corked = this.redis.stream
      this.#corked.cork()
      queueMicrotask(this.#uncork)
    }
    this.redis.sendCommand(command)
  }

  readonly #uncork = (): void => {
    const stream = this.#corked
    this.#corked = undefined
    stream?.uncork()
  }
}
