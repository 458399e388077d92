import type { Command, Redis, RedisOptions } from 'ioredis'
import type { Access, Address } from '../target.ts'
import { Connection } from './connection.ts'
import type { Session } from './session.ts'

/** Options of the driver for one server. */
export function driverOptions(address: Address, access: Access, attemptTimeoutMs: number): RedisOptions {
  const { username, password, tls, db } = access
  return {
    host: address.host,
    port: address.port,
    db,
    connectTimeout: attemptTimeoutMs,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  }
}

/** Both connections to one server. */
export class ServerSession implements Session {
  readonly name: string
  readonly #commands: Connection
  readonly #listener: Connection
  #isCorked = false

  constructor(name: string, options: RedisOptions) {
    this.name = name
    this.#commands = new Connection(options)
    this.#listener = new Connection(options)
  }

  get listener(): Redis {
    return this.#listener.redis
  }

  async open(): Promise<void> {
    await Promise.all([this.#commands.open(), this.#listener.open()])
  }

  onLost(handler: (error: Error) => void): void {
    this.#commands.onLost(handler)
    this.#listener.onLost(handler)
  }

  onSilent(redis: Redis): void {
    // Its end is the end of the session.
    redis.stream.destroy(new Error('Redis gave no sign of life.'))
  }

  watched(): readonly Redis[] {
    return [this.#commands.redis, this.#listener.redis]
  }

  /** What is sent in one turn leaves in one write. */
  send(command: Command): void {
    const { redis } = this.#commands
    if (!this.#isCorked) {
      this.#isCorked = true
      redis.stream.cork()
      queueMicrotask(this.#uncork)
    }
    redis.sendCommand(command)
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#commands.destroy(), this.#listener.destroy()])
  }

  readonly #uncork = (): void => {
    this.#isCorked = false
    this.#commands.redis.stream.uncork()
  }
}
