import type { Redis } from 'ioredis'
import { toAetherError } from '../errors.ts'
import type { ReadyQueue } from './ready-queue.ts'
import type { Subscription } from './redis-link.ts'

export type Handler = (message: Buffer, channel: string) => void

/** How many channels one command names. */
const BATCH = 500

/** What this instance hears: the handlers of each channel and pattern. Channels are kept as the Latin-1 reading of their bytes, which is cheap to compare. */
export class Subscriptions {
  readonly #channels = new Map<string, Handler[]>()
  readonly #patterns = new Map<string, Handler[]>()
  readonly #queue: ReadyQueue
  readonly #onThrow: (error: unknown) => void
  #listener: Redis | undefined

  /** `onThrow` gets what a handler throws: it must not end the connection. */
  constructor(queue: ReadyQueue, onThrow: (error: unknown) => void) {
    this.#queue = queue
    this.#onThrow = onThrow
  }

  /** From now on this is the connection that listens; `restore` has made all stand on it. */
  open(listener: Redis): void {
    this.#listener = listener
  }

  lose(): void {
    this.#listener = undefined
  }

  /** Resolves when it stands, on this connection or, restored, on a later one. */
  async subscribe(isPattern: boolean, name: string, handler: Handler): Promise<Subscription> {
    this.add(isPattern, name, handler)
    const leave = (): Promise<void> => this.#unsubscribe(isPattern, name, handler)
    try {
      await this.#stand(isPattern, name)
    } catch (error) {
      await leave()
      throw toAetherError(error)
    }
    let closing: Promise<void> | undefined
    return {
      close: () => {
        closing ??= leave()
        return closing
      },
    }
  }

  async #stand(isPattern: boolean, name: string): Promise<void> {
    for (;;) {
      const listener = this.#listener
      if (listener === undefined) {
        await this.#queue.wait()
        continue
      }
      try {
        // Also where another handler or `restore` may have said it: that is cheap, and certain.
        await (isPattern ? listener.psubscribe(name) : listener.subscribe(name))
        return
      } catch (error) {
        if (!isLost(error)) throw error
        // The link may learn of it only now.
        if (this.#listener === listener) await this.#queue.wait()
      }
    }
  }

  async #unsubscribe(isPattern: boolean, name: string, handler: Handler): Promise<void> {
    const isLast = this.remove(isPattern, name, handler)
    const listener = this.#listener
    if (!isLast || listener === undefined) return
    try {
      await (isPattern ? listener.punsubscribe(name) : listener.unsubscribe(name))
    } catch (error) {
      // A connection that ended has no subscriptions either.
      if (!isLost(error)) throw toAetherError(error)
    }
  }

  add(isPattern: boolean, name: string, handler: Handler): void {
    const map = isPattern ? this.#patterns : this.#channels
    const key = keyOf(name)
    const handlers = map.get(key)
    map.set(key, handlers === undefined ? [handler] : [...handlers, handler])
  }

  /** True where it was the last. */
  remove(isPattern: boolean, name: string, handler: Handler): boolean {
    const map = isPattern ? this.#patterns : this.#channels
    const key = keyOf(name)
    const handlers = map.get(key) ?? []
    const index = handlers.indexOf(handler)
    if (index === -1) return false
    const rest = handlers.toSpliced(index, 1)
    if (rest.length > 0) map.set(key, rest)
    else map.delete(key)
    return rest.length === 0
  }

  /** Makes them stand on a new connection. */
  async restore(redis: Redis): Promise<void> {
    redis.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      this.#call(this.#channels.get(channel.toString('latin1')), message, '')
    })
    redis.on('pmessageBuffer', (pattern: string, channel: Buffer, message: Buffer) => {
      this.#call(this.#patterns.get(keyOf(pattern)), message, channel.toString())
    })
    const all: Promise<unknown>[] = []
    for (const names of batches(this.#channels)) all.push(redis.subscribe(...names))
    for (const names of batches(this.#patterns)) all.push(redis.psubscribe(...names.map(String)))
    await Promise.all(all)
  }

  #call(handlers: readonly Handler[] | undefined, message: Buffer, channel: string): void {
    if (handlers === undefined) return
    for (const handler of handlers) {
      try {
        handler(message, channel)
      } catch (error) {
        this.#onThrow(error)
      }
    }
  }
}

function isLost(error: unknown): boolean {
  const { code, retryable } = toAetherError(error)
  return code === 'ERR_AETHER_TRANSPORT_LOST' && retryable
}

function* batches(map: ReadonlyMap<string, unknown>): Generator<Buffer[]> {
  let batch: Buffer[] = []
  for (const key of map.keys()) {
    batch.push(Buffer.from(key, 'latin1'))
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function keyOf(name: string): string {
  return Buffer.from(name).toString('latin1')
}
