export interface Measured {
  readonly name: string
  readonly nsPerStep: { readonly median: number; readonly min: number; readonly max: number }
}

const rounds = 7

/** Runs `body` with a number of steps in several rounds, after one to warm up, and prints nanoseconds per step. */
export function measure(name: string, steps: number, body: (steps: number) => void): Measured {
  body(steps)
  const perStep: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = process.hrtime.bigint()
    body(steps)
    perStep.push(Number(process.hrtime.bigint() - startedAt) / steps)
  }
  perStep.sort((a, b) => a - b)
  const nsPerStep = { median: perStep[rounds >> 1] ?? 0, min: perStep[0] ?? 0, max: perStep.at(-1) ?? 0 }
  const { median, min, max } = nsPerStep
  process.stdout.write(
    `${name.padEnd(52)} ${median.toFixed(0).padStart(7)} ns  (${min.toFixed(0)} to ${max.toFixed(0)})\n`,
  )
  return { name, nsPerStep }
}

/** The element at an index that goes round. */
export function pick<T>(list: readonly T[], index: number): T {
  const value = list[index % list.length]
  if (value === undefined) throw new RangeError('an empty list')
  return value
}
