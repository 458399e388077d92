import { LinkedList, type Linked } from '../table/linked-list.ts'

/** Lets only so many offers of one route and workgroup be out without having started: engines drop silently what overflows their queues. */
export class OfferWindow<T extends Linked<T>> {
  readonly #size: number
  readonly #out = new LinkedList<T>()
  readonly #waiting = new LinkedList<T>()

  constructor(size: number) {
    this.#size = size
  }

  get isEmpty(): boolean {
    return this.#out.size === 0 && this.#waiting.size === 0
  }

  /** Whether the item may go out now; otherwise it waits for its turn. An item that is out may go out again. */
  enter(item: T): boolean {
    if (this.#out.has(item)) return true
    if (this.#out.size < this.#size) {
      this.#out.add(item)
      return true
    }
    this.#waiting.add(item)
    return false
  }

  /** The item started, ended or found nobody; returns the one that may go out in its place. */
  leave(item: T): T | undefined {
    this.#waiting.delete(item)
    if (!this.#out.delete(item)) return undefined
    const next = this.#waiting.oldest
    if (next) this.#out.add(next)
    return next
  }
}
