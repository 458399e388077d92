/** A number in [0, 1). */
export type Random = () => number

/** A small, quick generator for tests and simulations that must repeat themselves (mulberry32); not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * What choices are drawn with: whole numbers, since the runtime makes an object of each fraction that a function returns, and a pick must allocate nothing.
 * Without a source it is a generator of its own (sfc32), seeded by the runtime.
 */
export class Dice {
  private a = Math.trunc(Math.random() * 4_294_967_296) | 0
  private b = Math.trunc(Math.random() * 4_294_967_296) | 0
  private c = Math.trunc(Math.random() * 4_294_967_296) | 0
  private counter = 1
  private readonly source: Random | undefined

  constructor(source: Random | undefined) {
    this.source = source
  }

  /** An integer from 0 to `count` - 1; `count` at most 2 ** 31 - 1. */
  below(count: number): number {
    // A source that gives 1 after all must not lead past the end.
    if (this.source !== undefined) return Math.min(count - 1, Math.max(0, (this.source() * count) | 0))
    return (((this.next() >>> 0) / 4_294_967_296) * count) | 0
  }

  /** A fraction in [0, 1). */
  unit(): number {
    return this.source === undefined ? (this.next() >>> 0) / 4_294_967_296 : this.source()
  }

  /** 32 bits, signed. */
  bits(): number {
    return this.source === undefined ? this.next() : Math.floor(this.source() * 4_294_967_296) | 0
  }

  private next(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0
    return sum
  }
}
