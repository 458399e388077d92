import type { Redis, RedisOptions } from 'ioredis'
import { Connection } from './connection.ts'

/** After how long a Sentinel that was lost, or not found, is sought again. */
const RETRY_MS = 1_000

/**
 * Hears from each Sentinel when another server becomes the master. The driver has that too, but ends its connection also where another of the Sentinels' masters
 * changes, and writes to the console while a Sentinel is away.
 */
export class SentinelWatch {
  readonly #name: string
  readonly #sentinels: readonly RedisOptions[]
  readonly #attemptTimeoutMs: number
  readonly #connections = new Set<Connection>()
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  #isOver = false
  #onSwitch: ((address: string) => void) | undefined

  constructor(name: string, sentinels: readonly RedisOptions[], attemptTimeoutMs: number) {
    this.#name = name
    this.#attemptTimeoutMs = attemptTimeoutMs
    this.#sentinels = sentinels
  }

  /** Waits for none of them: one that answers is enough. */
  start(): void {
    for (const sentinel of this.#sentinels) void this.#watch(sentinel)
  }

  /** Calls `handler` with the address of each new master. */
  onSwitch(handler: (address: string) => void): void {
    this.#onSwitch = handler
  }

  watched(): readonly Redis[] {
    return [...this.#connections].map(({ redis }) => redis)
  }

  async destroy(): Promise<void> {
    this.#isOver = true
    this.#onSwitch = undefined
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all([...this.#connections].map((connection) => connection.destroy()))
  }

  async #watch(sentinel: RedisOptions): Promise<void> {
    const connection = new Connection(sentinel)
    this.#connections.add(connection)
    connection.redis.on('message', (_channel: string, message: string) => {
      const [name, , , host, port] = message.split(' ')
      if (name === this.#name) this.#onSwitch?.(`${host}:${port}`)
    })
    const answered = connection.expire(this.#attemptTimeoutMs)
    try {
      await connection.open()
      await connection.redis.subscribe('+switch-master')
      connection.onLost(() => this.#again(connection, sentinel))
    } catch {
      this.#again(connection, sentinel)
    } finally {
      answered()
    }
  }

  /** Without it the master works as before. */
  #again(connection: Connection, sentinel: RedisOptions): void {
    if (this.#isOver) return
    void connection.destroy().then(() => this.#connections.delete(connection))
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void this.#watch(sentinel)
    }, RETRY_MS)
    this.#timers.add(timer)
  }
}
