import type { DeadLetter } from '../contract.ts'

interface Kept {
  readonly letter: DeadLetter<unknown>
  readonly bytes: number
}

/** Tasks that nobody could do, oldest first; past the limit the oldest go and are counted. */
export class DeadLetters {
  readonly #limit: number
  readonly #kept = new Map<string, Kept>()
  bytes = 0
  dropped = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#kept.size
  }

  add(letter: DeadLetter<unknown>, bytes: number): void {
    const key = keyOf(letter.route, letter.workgroup, letter.tid)
    // The same tid again, after its first life was forgotten: the newer one says more.
    if (this.#kept.has(key)) this.#drop(key)
    if (this.#kept.size >= this.#limit && !this.dropOldest()) {
      this.dropped++
      return
    }
    this.#kept.set(key, { letter, bytes })
    this.bytes += bytes
  }

  /** False when there is none. */
  dropOldest(): boolean {
    for (const key of this.#kept.keys()) {
      this.#drop(key)
      return true
    }
    return false
  }

  take(route: string, workgroup: string, tid: string): DeadLetter<unknown> | undefined {
    const key = keyOf(route, workgroup, tid)
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.bytes -= kept.bytes
    return kept.letter
  }

  *all(): Iterable<DeadLetter<unknown>> {
    for (const kept of this.#kept.values()) yield kept.letter
  }

  #drop(key: string): void {
    this.bytes -= this.#kept.get(key)?.bytes ?? 0
    this.#kept.delete(key)
    this.dropped++
  }
}

/** A route holds no line break; the length keeps the other two apart. */
function keyOf(route: string, workgroup: string, tid: string): string {
  return `${route}\n${workgroup.length}\n${workgroup}${tid}`
}
