import { AetherError, isAetherError } from '@aether/core'
import type { Redis } from 'ioredis'
import type { Address, SentinelTarget } from '../target.ts'
import { Connection } from './connection.ts'
import { driverOptions } from './driver-options.ts'

/** After how long a Sentinel that was lost, or not found, is asked again. */
const RETRY_MS = 1_000

/**
 * Where the Sentinels say the master is, and when it is another. The driver has that too, but its question to a frozen Sentinel cannot be given up, it ends its
 * connection also where another of the Sentinels' masters changes, and it writes to the console while a Sentinel is away.
 */
export class Sentinels {
  readonly #target: SentinelTarget
  readonly #attemptTimeoutMs: number
  readonly #connections = new Set<Connection>()
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  #isOver = false
  #onMaster: ((address: string) => void) | undefined

  constructor(target: SentinelTarget, attemptTimeoutMs: number) {
    this.#target = target
    this.#attemptTimeoutMs = attemptTimeoutMs
  }

  /** Asks all at once, so that one that is frozen delays nobody, and follows those that answer. */
  async master(): Promise<Address> {
    try {
      return await Promise.any(this.#target.sentinels.map((one) => this.#follow(one)))
    } catch (error) {
      const { errors } = error as AggregateError
      // That one is no Sentinel, or does not know the name, says more than that another is away.
      throw errors.find(isAetherError) ?? errors.at(-1)
    }
  }

  /** Calls `handler` with the address of the master whenever a Sentinel says it again. */
  onMaster(handler: (address: string) => void): void {
    this.#onMaster = handler
  }

  watched(): readonly Redis[] {
    return [...this.#connections].map(({ redis }) => redis)
  }

  async destroy(): Promise<void> {
    this.#isOver = true
    this.#onMaster = undefined
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all([...this.#connections].map((connection) => connection.destroy()))
  }

  async #follow(sentinel: Address): Promise<Address> {
    const { name, sentinelUsername: username, sentinelPassword: password, tls } = this.#target
    const access = { username, password, tls, db: 0 }
    const connection = new Connection(driverOptions(sentinel, access, this.#attemptTimeoutMs))
    this.#connections.add(connection)
    const { redis } = connection
    redis.on('message', (_channel: string, message: string) => {
      const [changed, , , host, port] = message.split(' ')
      if (changed === name) this.#onMaster?.(`${host}:${port}`)
    })
    const answered = connection.expire(this.#attemptTimeoutMs / 2)
    try {
      await connection.open()
      const asked = redis.call('sentinel', 'get-master-addr-by-name', name)
      const [found] = await Promise.all([asked, redis.subscribe('+switch-master')])
      if (!Array.isArray(found)) throw wrongSentinel(sentinel, `knows no master ${name}: see option name`)
      connection.onLost(() => this.#again(connection, sentinel))
      return { host: String(found[0]), port: Number(found[1]) }
    } catch (error) {
      this.#again(connection, sentinel)
      const isNone = error instanceof Error && /unknown command/i.test(error.message)
      throw isNone ? wrongSentinel(sentinel, 'is none: see option sentinels') : error
    } finally {
      answered()
    }
  }

  /** Without it the master works as before. */
  #again(connection: Connection, sentinel: Address): void {
    if (this.#isOver) return
    void connection.destroy().then(() => this.#connections.delete(connection))
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#follow(sentinel).then(
        ({ host, port }) => this.#onMaster?.(`${host}:${port}`),
        () => {},
      )
    }, RETRY_MS)
    this.#timers.add(timer)
  }
}

function wrongSentinel({ host, port }: Address, what: string): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `The Sentinel at ${host}:${port} ${what}.`)
}
