import type { Redis } from 'ioredis'

export type Handler = (message: Buffer, channel: string) => void

/** How many channels one command names. */
const BATCH = 500

/** What this instance hears: the handlers of each channel and pattern. Channels are kept as the Latin-1 reading of their bytes, which is cheap to compare. */
export class Subscriptions {
  readonly #channels = new Map<string, Handler[]>()
  readonly #patterns = new Map<string, Handler[]>()
  readonly #onThrow: (error: unknown) => void

  /** `onThrow` gets what a handler throws: it must not end the connection. */
  constructor(onThrow: (error: unknown) => void) {
    this.#onThrow = onThrow
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
