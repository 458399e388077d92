/** What a `LinkedList` holds: its own links, so that adding and removing allocate nothing. An item stands in one list at a time. */
export interface Linked<T extends Linked<T>> {
  list: LinkedList<T> | undefined
  older: T | undefined
  newer: T | undefined
}

/** Items in the order in which they were added, each once; adding and removing cost the same wherever an item stands. Not a `Set`, for the reason of `TidTable`. */
export class LinkedList<T extends Linked<T>> {
  #oldest: T | undefined
  #newest: T | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get oldest(): T | undefined {
    return this.#oldest
  }

  has(item: T): boolean {
    return item.list === this
  }

  /** An item that is here already keeps its place. */
  add(item: T): void {
    if (item.list === this) return
    item.list?.delete(item)
    item.list = this
    item.older = this.#newest
    if (this.#newest) this.#newest.newer = item
    else this.#oldest = item
    this.#newest = item
    this.#size += 1
  }

  /** False where it does not stand here. */
  delete(item: T): boolean {
    if (item.list !== this) return false
    if (item.older) item.older.newer = item.newer
    else this.#oldest = item.newer
    if (item.newer) item.newer.older = item.older
    else this.#newest = item.older
    item.list = undefined
    item.older = undefined
    item.newer = undefined
    this.#size -= 1
    return true
  }

  /** All that stands here now, oldest first. */
  items(): T[] {
    const items: T[] = []
    for (let item = this.#oldest; item; item = item.newer) items.push(item)
    return items
  }

  clear(): void {
    for (const item of this.items()) this.delete(item)
  }
}
