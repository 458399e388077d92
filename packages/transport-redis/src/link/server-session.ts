import type { Command, Redis, RedisOptions } from 'ioredis'
import { Connection } from './connection.ts'
import { Pipe } from './pipe.ts'
import type { Sentinels } from './sentinels.ts'
import { endSilent, type Session } from './session.ts'

interface Opened {
  readonly commands: Connection
  readonly listening: Connection
  readonly pipe: Pipe
}

/** Both connections to one server, also to the one that Sentinels name. */
export class ServerSession implements Session {
  name: string
  readonly #options: RedisOptions
  readonly #sentinels: Sentinels | undefined
  #connections: Opened | undefined
  #isOver = false

  /** With `sentinels` they say which server it is. */
  constructor(name: string, options: RedisOptions, sentinels?: Sentinels) {
    this.name = name
    this.#options = options
    this.#sentinels = sentinels
  }

  get listener(): Redis {
    return this.#opened().listening.redis
  }

  async open(): Promise<void> {
    const master = await this.#sentinels?.master()
    if (this.#isOver) return
    if (master !== undefined) this.name = `${master.host}:${master.port}`
    const options = { ...this.#options, ...master }
    const [commands, listening] = [new Connection(options), new Connection(options)]
    this.#connections = { commands, listening, pipe: new Pipe(commands.redis) }
    await Promise.all([commands.open(), listening.open()])
  }

  send(command: Command): void {
    this.#opened().pipe.send(command)
  }

  onLost(handler: (error: Error) => void): void {
    const { commands, listening } = this.#opened()
    commands.onLost(handler)
    listening.onLost(handler)
    this.#sentinels?.onMaster((address) => {
      // They may tell of the change that was followed already.
      if (address !== this.name) handler(new Error(`The Sentinels chose another master, ${address}.`))
    })
  }

  watched(): readonly Redis[] {
    const { commands, listening } = this.#opened()
    return [commands.redis, listening.redis, ...(this.#sentinels?.watched() ?? [])]
  }

  onSilent(redis: Redis): void {
    // Its end is the end of the session.
    endSilent(redis)
  }

  async destroy(): Promise<void> {
    this.#isOver = true
    const { commands, listening } = this.#connections ?? {}
    await Promise.all([commands?.destroy(), listening?.destroy(), this.#sentinels?.destroy()])
  }

  #opened(): Opened {
    if (this.#connections === undefined) throw new Error('The session was not opened.')
    return this.#connections
  }
}
