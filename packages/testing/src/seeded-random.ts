/** Random numbers that a seed repeats. */
export interface SeededRandom {
  /** 0 ≤ x < 1. */
  next(): number
  /** A whole number, `low` and `high` included. */
  between(low: number, high: number): number
  /** One of `items`, which must hold at least one. */
  pick<T>(items: readonly T[]): T
}

/** Makes the generator mulberry32: small, fast, and the same on every machine. */
export function createSeededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  return {
    next,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    pick(items) {
      const item = items[Math.floor(next() * items.length)]
      if (item === undefined) throw new RangeError('pick needs at least one item')
      return item
    },
  }
}
