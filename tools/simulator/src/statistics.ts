/** `sorted` ascending; linear between the two nearest ranks; `NaN` of nothing. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const position = (sorted.length - 1) * q
  const below = Math.floor(position)
  const low = sorted[below] ?? Number.NaN
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? Number.NaN
  return low + (high - low) * (position - below)
}

/** What several runs with different seeds say of one figure. */
export interface Spread {
  readonly count: number
  readonly mean: number
  /** Standard deviation of a single run. */
  readonly deviation: number
}

export function spreadOf(values: readonly number[]): Spread {
  const count = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { count, mean, deviation: count < 2 ? 0 : Math.sqrt(squares / (count - 1)) }
}

/** Student's t for 2 to 11 runs: two-sided, 95 % and 99 %. */
const students = {
  95: [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228],
  99: [63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.25, 3.169],
} as const

function student(confidence: 95 | 99, count: number): number {
  const table = students[confidence]
  return table[Math.min(count - 2, table.length - 1)] ?? 0
}

/** Half of the width of the 95 % confidence interval of the mean; 0 for a single run, which says nothing of it. */
export function confidence({ count, deviation }: Spread): number {
  return count < 2 ? 0 : (student(95, count) * deviation) / Math.sqrt(count)
}

/** How far from the mean one more run lies at most, in 99 of 100 cases: what another simulation of the same thing may differ by. */
export function prediction({ count, deviation }: Spread): number {
  return student(99, count) * deviation * Math.sqrt(1 + 1 / count)
}
