/** What an `IdTable` holds: the entry carries its own link, so that adding and removing allocate nothing. It stands in one table at a time. */
export interface IdEntry<E> {
  readonly id: number
  idNext: E | undefined
}

const FIRST_BUCKETS = 64

/**
 * Short-lived things by ids that mostly follow each other. Of two with one id the newer is found.
 *
 * Not a `Map`: under churn V8 replaces the table inside a `Map` again and again, each dead table points to its successor, and once one of them has come
 * to the old generation, all that was ever stored survives until the next full collection.
 */
export class IdTable<E extends IdEntry<E>> {
  #buckets: (E | undefined)[] = emptyBuckets(FIRST_BUCKETS)
  #mask = FIRST_BUCKETS - 1
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): E | undefined {
    let entry = this.#buckets[id & this.#mask]
    while (entry !== undefined && entry.id !== id) entry = entry.idNext
    return entry
  }

  add(entry: E): void {
    if (this.#size > this.#mask) this.#grow()
    const bucket = entry.id & this.#mask
    entry.idNext = this.#buckets[bucket]
    this.#buckets[bucket] = entry
    this.#size++
  }

  /** False where it does not stand in the table. */
  delete(entry: E): boolean {
    const bucket = entry.id & this.#mask
    let before: E | undefined
    let at = this.#buckets[bucket]
    while (at !== undefined && at !== entry) {
      before = at
      at = at.idNext
    }
    if (at === undefined) return false
    if (before === undefined) this.#buckets[bucket] = entry.idNext
    else before.idNext = entry.idNext
    // A dead entry in the old generation must not keep younger ones alive.
    entry.idNext = undefined
    this.#size--
    return true
  }

  /** Empties the table and returns what stood in it. */
  takeAll(): E[] {
    const entries = this.#entries()
    for (const entry of entries) entry.idNext = undefined
    this.#buckets = emptyBuckets(FIRST_BUCKETS)
    this.#mask = FIRST_BUCKETS - 1
    this.#size = 0
    return entries
  }

  #entries(): E[] {
    const entries: E[] = []
    for (const head of this.#buckets) {
      for (let entry = head; entry !== undefined; entry = entry.idNext) entries.push(entry)
    }
    return entries
  }

  #grow(): void {
    // From the oldest of a bucket to the newest, so that the newest stays first.
    const entries = this.#entries().toReversed()
    this.#mask = this.#mask * 2 + 1
    this.#buckets = emptyBuckets(this.#mask + 1)
    for (const entry of entries) {
      const bucket = entry.id & this.#mask
      entry.idNext = this.#buckets[bucket]
      this.#buckets[bucket] = entry
    }
  }
}

function emptyBuckets<E>(length: number): (E | undefined)[] {
  return Array.from({ length }, () => undefined)
}
