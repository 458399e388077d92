/** What a table can hold: it is its own list node, in one table at a time. */
export interface HashNode<N> {
  /** Where it is filed; the table's key is whatever has this hash. */
  readonly hash: number
  /** The next one in the same bucket. */
  chained: N | undefined
}

const LEAST = 64
/** Unlike every other chance in here, no effect depends on it: it keeps whoever chooses keys from choosing those that share a bucket. */
const seed = Math.floor(Math.random() * 0x1_0000_0000)

/**
 * Nodes by hash, for what comes and goes by the thousand. A `Map` would leave a trail: its outgrown tables point to those that follow, so that once one
 * of them is old, all that was ever stored since lives until the next full collection. Here a node that was removed is referred to by nothing.
 */
export class HashTable<N extends HashNode<N>> {
  #buckets: (N | undefined)[] = emptyBuckets(LEAST)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The first node in the bucket of a hash, of which the caller looks for its own along `chained`. */
  bucket(hash: number): N | undefined {
    return this.#buckets[hash & (this.#buckets.length - 1)]
  }

  /** Files a node that is in no table. */
  add(node: N): void {
    // Half of the buckets stay empty: to look at another's node costs more than the bucket.
    if (++this.#size > this.#buckets.length / 2) this.#resize(this.#buckets.length * 2)
    this.#file(node)
  }

  /** Takes out a node that is in this table. */
  remove(node: N): void {
    const buckets = this.#buckets
    const at = node.hash & (buckets.length - 1)
    let before = buckets[at]
    if (before === node) buckets[at] = node.chained
    else {
      while (before !== undefined && before.chained !== node) before = before.chained
      if (before === undefined) return
      before.chained = node.chained
    }
    node.chained = undefined
    if (--this.#size < buckets.length / 16 && buckets.length > LEAST) this.#resize(buckets.length / 2)
  }

  /** All of them, in no order that means anything; the table must stay as it is meanwhile. */
  *nodes(): Iterable<N> {
    for (const first of this.#buckets)
      for (let node = first; node !== undefined; node = node.chained) yield node
  }

  #file(node: N): void {
    const buckets = this.#buckets
    const at = node.hash & (buckets.length - 1)
    node.chained = buckets[at]
    buckets[at] = node
  }

  #resize(length: number): void {
    const before = this.#buckets
    this.#buckets = emptyBuckets(length)
    for (const first of before) {
      for (let node = first; node !== undefined;) {
        const next: N | undefined = node.chained
        this.#file(node)
        node = next
      }
    }
  }
}

/** The hash of a name, another in each process. */
export function hashOf(name: string): number {
  let hash = seed ^ name.length
  for (let at = 0; at < name.length; at++) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x5bd1_e995)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}

function emptyBuckets<N>(length: number): (N | undefined)[] {
  return new Array<N | undefined>(length).fill(undefined)
}
