import type { Lane } from './lane.ts'
import type { Run } from './run.ts'

const FIRST_BUCKETS = 64

/**
 * The open runs of an instance by job/task and tid. They carry the links of the table themselves: see `docs/adr/0004-hash-tables.md`. Alike to core's `TidTable` and not it: one
 * class for the entries of all would see too many shapes, and each look at one would cost more.
 */
export class RunBook {
  #buckets: (Run | undefined)[] = emptyBuckets(FIRST_BUCKETS)
  #mask = FIRST_BUCKETS - 1
  #size = 0

  get size(): number {
    return this.#size
  }

  find(lane: Lane, tid: string): Run | undefined {
    const hash = hashOf(tid)
    let run = this.#buckets[hash & this.#mask]
    while (run !== undefined && (run.bookHash !== hash || run.lane !== lane || run.tid !== tid))
      run = run.bookNext
    return run
  }

  /** Takes in a run whose tid it does not hold. */
  add(run: Run): void {
    if (this.#size > this.#mask) this.#grow()
    run.bookHash = hashOf(run.tid)
    this.#link(run)
    this.#size++
    run.lane.openRuns++
  }

  /** False where it was not there. */
  remove(run: Run): boolean {
    const bucket = run.bookHash & this.#mask
    let before: Run | undefined
    let at = this.#buckets[bucket]
    while (at !== undefined && at !== run) {
      before = at
      at = at.bookNext
    }
    if (at === undefined) return false
    if (before === undefined) this.#buckets[bucket] = run.bookNext
    else before.bookNext = run.bookNext
    run.bookNext = undefined
    this.#size--
    run.lane.openRuns--
    return true
  }

  *[Symbol.iterator](): Generator<Run> {
    for (const head of this.#buckets) {
      let run = head
      while (run !== undefined) {
        const next: Run | undefined = run.bookNext
        yield run
        run = next
      }
    }
  }

  #link(run: Run): void {
    const bucket = run.bookHash & this.#mask
    run.bookNext = this.#buckets[bucket]
    this.#buckets[bucket] = run
  }

  #grow(): void {
    const old = this.#buckets
    this.#mask = this.#mask * 2 + 1
    this.#buckets = emptyBuckets(this.#mask + 1)
    for (const head of old) {
      let run = head
      while (run !== undefined) {
        const next: Run | undefined = run.bookNext
        this.#link(run)
        run = next
      }
    }
  }
}

function emptyBuckets(length: number): (Run | undefined)[] {
  return Array.from({ length }, () => undefined)
}

/** FNV-1a over the UTF-16 units. */
function hashOf(tid: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < tid.length; index++) hash = Math.imul(hash ^ tid.charCodeAt(index), 0x01000193)
  return (hash ^ (hash >>> 15)) >>> 0
}
