import type { Command, Redis, RedisOptions } from 'ioredis'
import { Connection } from './connection.ts'
import { Pipe } from './pipe.ts'
import type { SentinelWatch } from './sentinel-watch.ts'
import { endSilent, type Session } from './session.ts'

/** Both connections to one server, also to the one that Sentinels name. */
export class ServerSession implements Session {
  name: string
  readonly listener: Redis
  readonly #commands: Connection
  readonly #listening: Connection
  readonly #pipe: Pipe
  readonly #watch: SentinelWatch | undefined

  constructor(name: string, options: RedisOptions, watch?: SentinelWatch) {
    this.name = name
    this.#commands = new Connection(options)
    this.#listening = new Connection(options)
    this.listener = this.#listening.redis
    this.#pipe = new Pipe(this.#commands.redis)
    this.#watch = watch
  }

  async open(): Promise<void> {
    this.#watch?.start()
    await Promise.all([this.#commands.open(), this.#listening.open()])
    if (this.#watch === undefined) return
    const [master, heard] = [addressOf(this.#commands.redis), addressOf(this.listener)]
    if (master !== heard) throw new Error(`the Sentinels named ${master} first and then ${heard}`)
    this.name = master
  }

  send(command: Command): void {
    this.#pipe.send(command)
  }

  onLost(handler: (error: Error) => void): void {
    this.#commands.onLost(handler)
    this.#listening.onLost(handler)
    this.#watch?.onSwitch((address) => {
      // It may be told of the switch that it has followed already.
      if (address !== this.name) handler(new Error(`The Sentinels chose another master, ${address}.`))
    })
  }

  watched(): readonly Redis[] {
    return [this.#commands.redis, this.listener, ...(this.#watch?.watched() ?? [])]
  }

  onSilent(redis: Redis): void {
    // Its end is the end of the session.
    endSilent(redis)
  }

  async destroy(): Promise<void> {
    await Promise.all([this.#commands.destroy(), this.#listening.destroy(), this.#watch?.destroy()])
  }
}

function addressOf({ stream }: Redis): string {
  return `${stream.remoteAddress}:${stream.remotePort}`
}
