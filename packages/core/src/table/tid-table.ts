/** What a `TidTable` holds: its own key, hash and link, so that adding and removing allocate nothing. An entry stands in one table at a time. */
export interface TidEntry<E> {
  /** Must not change while the entry stands in a table. */
  readonly key: string
  tableHash: number
  tableNext: E | undefined
}

const firstBuckets = 64

/**
 * A hash table of short-lived things by string key; several entries may share a key, the newest comes first.
 *
 * Not a `Map`: under churn V8 replaces the table inside a `Map` again and again, each dead table points to its successor, and once one of them has come
 * to the old generation, all that was ever stored survives until the next full collection. With a task a key this cost more than the tasks themselves.
 */
export class TidTable<E extends TidEntry<E>> {
  #buckets: (E | undefined)[] = Array.from({ length: firstBuckets }, () => undefined)
  #mask = firstBuckets - 1
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The newest entry of this key. */
  get(key: string): E | undefined {
    const hash = hashOf(key)
    return withKey(this.#buckets[hash & this.#mask], key, hash)
  }

  /** The next older entry of the same key. */
  olderThan(entry: E): E | undefined {
    return withKey(entry.tableNext, entry.key, entry.tableHash)
  }

  add(entry: E): void {
    if (this.#size > this.#mask) this.#grow()
    entry.tableHash = hashOf(entry.key)
    const bucket = entry.tableHash & this.#mask
    entry.tableNext = this.#buckets[bucket]
    this.#buckets[bucket] = entry
    this.#size += 1
  }

  /** False where it does not stand in the table. */
  delete(entry: E): boolean {
    const bucket = entry.tableHash & this.#mask
    let before: E | undefined = undefined
    let at = this.#buckets[bucket]
    while (at !== undefined && at !== entry) {
      before = at
      at = at.tableNext
    }
    if (at === undefined) return false
    if (before === undefined) this.#buckets[bucket] = entry.tableNext
    else before.tableNext = entry.tableNext
    entry.tableNext = undefined
    this.#size -= 1
    return true
  }

  /** All that stands in it now, in no order. */
  entries(): E[] {
    const entries: E[] = []
    for (const head of this.#buckets) {
      for (let entry = head; entry !== undefined; entry = entry.tableNext) entries.push(entry)
    }
    return entries
  }

  clear(): void {
    for (const entry of this.entries()) this.delete(entry)
  }

  #grow(): void {
    // Oldest first again, so that each key keeps its order.
    const entries = this.entries().toReversed()
    this.#mask = this.#mask * 2 + 1
    this.#buckets = Array.from({ length: this.#mask + 1 }, () => undefined)
    for (const entry of entries) {
      const bucket = entry.tableHash & this.#mask
      entry.tableNext = this.#buckets[bucket]
      this.#buckets[bucket] = entry
    }
  }
}

function withKey<E extends TidEntry<E>>(first: E | undefined, key: string, hash: number): E | undefined {
  let entry = first
  while (entry !== undefined && (entry.tableHash !== hash || entry.key !== key)) entry = entry.tableNext
  return entry
}

/** FNV-1a over the UTF-16 units. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
