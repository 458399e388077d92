/**
 * Remembers at most about `size` answers by name. Two generations stand in for a least-recently-used list: a hit costs one lookup in the young map, and
 * what was not asked for while the young map filled up goes.
 */
export class MatchCache<V> {
  #young = new Map<string, V>()
  #old = new Map<string, V>()
  readonly #half: number

  constructor(size: number) {
    this.#half = Math.ceil(size / 2)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(name: string): V | undefined {
    const value = this.#young.get(name)
    if (value !== undefined || this.#old.size === 0) return value
    const older = this.#old.get(name)
    if (older === undefined) return undefined
    this.#old.delete(name)
    this.set(name, older)
    return older
  }

  set(name: string, value: V): void {
    if (this.#half === 0) return
    if (this.#young.size >= this.#half) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, value)
  }

  clear(): void {
    if (this.#young.size > 0) this.#young = new Map()
    if (this.#old.size > 0) this.#old = new Map()
  }
}
