import { AetherError } from '@aether/core'
import type { Command, Redis, RedisOptions } from 'ioredis'
import { asError } from '../errors.ts'
import type { Address, SentinelTarget } from '../target.ts'
import { Connection } from './connection.ts'
import { driverOptions, ServerSession } from './server-session.ts'
import type { Session } from './session.ts'

/** Both connections to the master that the Sentinels name, and one to a Sentinel, which says when there is another master. */
export class SentinelSession implements Session {
  readonly #target: SentinelTarget
  readonly #attemptTimeoutMs: number
  #sentinel: Connection | undefined
  #server: ServerSession | undefined
  #isWatching = false
  #isOver = false
  #onLost: ((error: Error) => void) | undefined
  #watching: Promise<void> = Promise.resolve()

  constructor(target: SentinelTarget, attemptTimeoutMs: number) {
    this.#target = target
    this.#attemptTimeoutMs = attemptTimeoutMs
  }

  get name(): string {
    return this.#opened().name
  }

  get listener(): Redis {
    return this.#opened().listener
  }

  async open(): Promise<void> {
    const { host, port } = await this.#ask()
    if (this.#isOver) return
    this.#server = new ServerSession(
      `${host}:${port}`,
      driverOptions({ host, port }, this.#target, this.#attemptTimeoutMs),
    )
    await this.#server.open()
    this.#watching = this.#watch()
    await this.#watching
  }

  send(command: Command): void {
    this.#opened().send(command)
  }

  reroute(): undefined {
    return undefined
  }

  onLost(handler: (error: Error) => void): void {
    this.#onLost = handler
    this.#opened().onLost((error) => this.#lose(error))
  }

  watched(): readonly Redis[] {
    const sentinel = this.#isWatching ? this.#sentinel?.redis : undefined
    return [...this.#opened().watched(), ...(sentinel === undefined ? [] : [sentinel])]
  }

  onSilent(redis: Redis): void {
    this.#opened().onSilent(redis)
  }

  /** Without a Sentinel the master works as before, so that its loss is no loss of the session: another is looked for now and then. */
  tend(): void {
    if (this.#isWatching || this.#isOver) return
    this.#isWatching = true
    this.#watching = this.#again()
  }

  async destroy(): Promise<void> {
    this.#isOver = true
    this.#onLost = undefined
    await Promise.all([this.#sentinel?.destroy(), this.#server?.destroy()])
    await this.#watching
  }

  #opened(): ServerSession {
    if (this.#server === undefined) throw new Error('The session was not opened.')
    return this.#server
  }

  /** Asks one Sentinel after the other where the master is; the one that knows stays connected. */
  async #ask(): Promise<Address> {
    let reason = new Error('The session is over.')
    const { sentinels } = this.#target
    for (const address of sentinels) {
      await this.#sentinel?.destroy()
      if (this.#isOver) break
      const connection = new Connection(this.#sentinelOptions(address))
      this.#sentinel = connection
      // So that one that is frozen leaves time to ask the others, and the master.
      const answered = connection.expire(this.#attemptTimeoutMs / (sentinels.length + 1))
      try {
        await connection.open()
        const found: unknown = await connection.redis.call(
          'sentinel',
          'get-master-addr-by-name',
          this.#target.name,
        )
        if (Array.isArray(found)) return { host: String(found[0]), port: Number(found[1]) }
        reason = wrongSentinel(address, `knows no master ${this.#target.name}: see option name`)
      } catch (error) {
        const isNone = error instanceof Error && /unknown command/i.test(error.message)
        reason = isNone ? wrongSentinel(address, 'is none: see option sentinels') : asError(error)
      } finally {
        answered()
      }
    }
    await this.#sentinel?.destroy()
    throw reason
  }

  #sentinelOptions(address: Address): RedisOptions {
    const { sentinelUsername: username, sentinelPassword: password, tls } = this.#target
    return driverOptions(address, { username, password, tls, db: 0 }, this.#attemptTimeoutMs)
  }

  async #watch(): Promise<void> {
    const sentinel = this.#sentinel
    if (sentinel === undefined || this.#isOver) return
    this.#isWatching = true
    sentinel.onLost(() => {
      this.#isWatching = false
    })
    sentinel.redis.on('message', (_channel: string, message: string) => {
      const [name, , , host, port] = message.split(' ')
      // It may be told of the switch that it has followed already.
      if (name === this.#target.name && `${host}:${port}` !== this.name)
        this.#lose(new Error('The Sentinels chose another master.'))
    })
    await sentinel.redis.subscribe('+switch-master')
  }

  async #again(): Promise<void> {
    try {
      const { host, port } = await this.#ask()
      if (`${host}:${port}` !== this.name) return this.#lose(new Error('The Sentinels chose another master.'))
      await this.#watch()
    } catch {
      // No Sentinel answers now; `tend` comes again.
      this.#isWatching = false
    }
  }

  #lose(error: Error): void {
    const handler = this.#onLost
    this.#onLost = undefined
    handler?.(error)
  }
}

function wrongSentinel({ host, port }: Address, what: string): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `The Sentinel at ${host}:${port} ${what}.`)
}
