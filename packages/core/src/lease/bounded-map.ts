import type { Clock } from '../clock.ts'
import { LinkedList, type Linked } from '../table/linked-list.ts'
import { TidTable, type TidEntry } from '../table/tid-table.ts'

export interface BoundedMapOptions {
  readonly clock: Clock
  readonly max: number
  readonly ttlMs: number
}

interface Entry<V> extends TidEntry<Entry<V>>, Linked<Entry<V>> {
  key: string
  value: V | undefined
  until: number
}

/**
 * Remembers the last `max` entries for `ttlMs` each; the oldest go first. It needs no timer: what is over is found when it is looked at or pushed out.
 * A full one makes the newest entry of its oldest, so that remembering allocates nothing.
 */
export class BoundedMap<V> {
  readonly #table = new TidTable<Entry<V>>()
  readonly #byAge = new LinkedList<Entry<V>>()
  readonly #options: BoundedMapOptions

  constructor(options: BoundedMapOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#table.size
  }

  get(key: string): V | undefined {
    const entry = this.#table.get(key)
    if (!entry) return undefined
    if (entry.until > this.#options.clock.monotonic()) return entry.value
    this.#remove(entry)
    return undefined
  }

  set(key: string, value: V): void {
    const { clock, max, ttlMs } = this.#options
    const full = this.#table.size >= max ? this.#byAge.oldest : undefined
    const reused = this.#table.get(key) ?? full
    if (reused) this.#remove(reused)
    const entry = reused ?? newEntry<V>()
    entry.key = key
    entry.value = value
    entry.until = clock.monotonic() + ttlMs
    this.#table.add(entry)
    this.#byAge.add(entry)
  }

  clear(): void {
    this.#table.clear()
    this.#byAge.clear()
  }

  #remove(entry: Entry<V>): void {
    this.#table.delete(entry)
    this.#byAge.delete(entry)
    entry.value = undefined
  }
}

function newEntry<V>(): Entry<V> {
  return {
    key: '',
    value: undefined,
    until: 0,
    list: undefined,
    older: undefined,
    newer: undefined,
    tableHash: 0,
    tableNext: undefined,
  }
}
