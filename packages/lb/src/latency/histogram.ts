const perOctave = 16
const shift = 4
/** What fits into 32 bits of microseconds: an hour and eleven minutes. */
const longestMs = 4_294_967.295

/** Latencies in buckets whose width is a sixteenth of their value: quantiles within 6 %, in constant space; recording allocates nothing. */
export class Histogram {
  count = 0
  sumMs = 0
  /** Not of 32 bits each: those would begin anew after some weeks at a thousand a second. */
  private readonly buckets = new Float64Array((32 - shift) * perOctave + perOctave)

  record(latencyMs: number): void {
    const value = latencyMs > 0 ? Math.min(latencyMs, longestMs) : 0
    this.count++
    this.sumMs += value
    const index = bucketOf((value * 1_000) >>> 0)
    this.buckets[index] = (this.buckets[index] as number) + 1
  }

  get meanMs(): number {
    return this.count === 0 ? 0 : this.sumMs / this.count
  }

  /** The upper end of the bucket that holds the quantile, in milliseconds; 0 where nothing was recorded. */
  quantile(q: number): number {
    let rest = Math.ceil(Math.min(Math.max(q, 0), 1) * this.count)
    if (this.count === 0) return 0
    if (rest === 0) rest = 1
    for (let index = 0; index < this.buckets.length; index++) {
      rest -= this.buckets[index] as number
      if (rest <= 0) return upperEnd(index) / 1_000
    }
    return upperEnd(this.buckets.length - 1) / 1_000
  }

  /** How many were at most this long, by whole buckets. */
  countUpTo(latencyMs: number): number {
    const last = bucketOf((Math.min(latencyMs, longestMs) * 1_000) >>> 0)
    let total = 0
    for (let index = 0; index <= last; index++) total += this.buckets[index] as number
    return total
  }

  add(other: Histogram): void {
    this.count += other.count
    this.sumMs += other.sumMs
    for (let index = 0; index < this.buckets.length; index++)
      this.buckets[index] = (this.buckets[index] as number) + (other.buckets[index] as number)
  }

  /** Adds what `other` has beyond `before`, an earlier state of it. */
  addSince(other: Histogram, before: Histogram): void {
    this.count += other.count - before.count
    this.sumMs += other.sumMs - before.sumMs
    for (let index = 0; index < this.buckets.length; index++) {
      const added = (other.buckets[index] as number) - (before.buckets[index] as number)
      this.buckets[index] = (this.buckets[index] as number) + added
    }
  }

  /** Halves what it holds, so that what is new weighs more than what is old. */
  fade(): void {
    this.count = 0
    this.sumMs /= 2
    for (let index = 0; index < this.buckets.length; index++) {
      const half = Math.floor((this.buckets[index] as number) / 2)
      this.buckets[index] = half
      this.count += half
    }
  }
}

function bucketOf(value: number): number {
  if (value < perOctave) return value
  const octave = 31 - Math.clz32(value)
  return (octave - shift + 1) * perOctave + ((value >>> (octave - shift)) & (perOctave - 1))
}

function upperEnd(index: number): number {
  if (index < perOctave) return index + 1
  const octave = Math.floor(index / perOctave) - 1 + shift
  const step = 2 ** (octave - shift)
  return 2 ** octave + ((index % perOctave) + 1) * step
}
