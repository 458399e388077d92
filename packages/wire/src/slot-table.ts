const INDEX_BITS = 20
const INDEX_MASK = (1 << INDEX_BITS) - 1
const GENERATIONS = 1 << (32 - INDEX_BITS)

/**
 * Values by small ids that fit into a `u32` correlation: an array and a list of free places. An id holds the generation of its place, so that an
 * answer that comes late does not find the next owner of the place. 0 is never an id.
 */
export class SlotTable<T> {
  readonly #values: (T | undefined)[] = [undefined]
  readonly #generations: number[] = [0]
  readonly #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Callers see to it that there are never more than a million. */
  add(value: T): number {
    const index = this.#free.pop() ?? this.#extend()
    this.#values[index] = value
    this.#size++
    return ((this.#generations[index]! << INDEX_BITS) | index) >>> 0
  }

  get(id: number): T | undefined {
    const index = id & INDEX_MASK
    return this.#generations[index] === id >>> INDEX_BITS ? this.#values[index] : undefined
  }

  /** Removes and returns the value; undefined when the id is not, or no longer, known. */
  remove(id: number): T | undefined {
    const value = this.get(id)
    if (value === undefined) return undefined
    const index = id & INDEX_MASK
    this.#values[index] = undefined
    this.#generations[index] = (this.#generations[index]! + 1) % GENERATIONS
    this.#free.push(index)
    this.#size--
    return value
  }

  /** Every value, with its id; entries may be removed meanwhile. */
  *entries(): Iterable<readonly [number, T]> {
    for (let index = 1; index < this.#values.length; index++) {
      const value = this.#values[index]
      if (value !== undefined) yield [((this.#generations[index]! << INDEX_BITS) | index) >>> 0, value]
    }
  }

  #extend(): number {
    this.#values.push(undefined)
    this.#generations.push(0)
    return this.#values.length - 1
  }
}
