const rounds = 9

/** Median nanoseconds of processor time of one step over several rounds, after two to warm up; other processes do not count. */
export function measure(name: string, steps: number, body: (steps: number) => unknown): number {
  body(steps)
  body(steps)
  const perStep: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = process.cpuUsage()
    body(steps)
    perStep.push(nanoseconds(process.cpuUsage(startedAt)) / steps)
  }
  return report(name, perStep)
}

/** The same for steps that are awaited one by one. */
export async function measureAsync(
  name: string,
  steps: number,
  body: (steps: number) => Promise<unknown>,
): Promise<number> {
  await body(steps)
  await body(steps)
  const perStep: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedAt = process.cpuUsage()
    await body(steps)
    perStep.push(nanoseconds(process.cpuUsage(startedAt)) / steps)
  }
  return report(name, perStep)
}

function report(name: string, perStep: number[]): number {
  perStep.sort((a, b) => a - b)
  const median = perStep[rounds >> 1] ?? 0
  const range = `${(perStep[0] ?? 0).toFixed(0)} to ${(perStep.at(-1) ?? 0).toFixed(0)}`
  process.stdout.write(`${name.padEnd(56)} ${median.toFixed(0).padStart(8)} ns  (${range})\n`)
  return median
}

function nanoseconds(usage: NodeJS.CpuUsage): number {
  return (usage.user + usage.system) * 1_000
}
