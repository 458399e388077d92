import type { Clock } from '../clock.ts'

export interface BoundedMapOptions {
  readonly clock: Clock
  readonly max: number
  readonly ttlMs: number
}

/** Remembers the last `max` entries for `ttlMs` each; the oldest go first. It needs no timer: what is over is found when it is looked at or pushed out. */
export class BoundedMap<V> {
  readonly #entries = new Map<string, { readonly value: V; readonly until: number }>()
  readonly #options: BoundedMapOptions

  constructor(options: BoundedMapOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    if (entry.until > this.#options.clock.monotonic()) return entry.value
    this.#entries.delete(key)
    return undefined
  }

  set(key: string, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, { value, until: this.#options.clock.monotonic() + this.#options.ttlMs })
    if (this.#entries.size <= this.#options.max) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  clear(): void {
    this.#entries.clear()
  }
}
