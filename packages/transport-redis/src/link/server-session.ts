import type { Command, Redis, RedisOptions } from 'ioredis'
import type { Access, Address } from '../target.ts'
import { Connection } from './connection.ts'
import { Pipe } from './pipe.ts'
import { endSilent, type Session } from './session.ts'

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
  readonly listener: Redis
  readonly #commands: Connection
  readonly #listening: Connection
  readonly #pipe: Pipe

  constructor(name: string, options: RedisOptions) {
    this.name = name
    this.#commands = new Connection(options)
    this.#listening = new Connection(options)
    this.listener = this.#listening.redis
    this.#pipe = new Pipe(this.#commands.redis)
  }

  async open(): Promise<void> {
    await Promise.all([this.#commands.open(), this.#listening.open()])
  }

  send(command: Command): void {
    this.#pipe.send(command)
  }

  reroute(): undefined {
    return undefined
  }

  onLost(handler: (error: Error) => void): void {
    this.#commands.onLost(handler)
    this.#listening.onLost(handler)
  }

  watched(): readonly Redis[] {
    return [this.#commands.redis, this.listener]
  }

  onSilent(redis: Redis): void {
    // Its end is the end of the session.
    endSilent(redis)
  }

  tend(): void {}

  async destroy(): Promise<void> {
    await Promise.all([this.#commands.destroy(), this.#listening.destroy()])
  }
}
