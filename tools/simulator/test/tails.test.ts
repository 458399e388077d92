import { describe, expect, it } from 'vitest'
import { prediction, quantile, spreadOf } from '../src/statistics.ts'
import { simulateTail, tailAlgorithms, type TailName, tailWorlds, warmUpMs } from '../src/tails.ts'

const seeds = [1, 1_001, 2_001, 3_001, 4_001]

/** Each run of each algorithm. */
function runs(name: TailName): Record<string, readonly Float64Array[]> {
  return Object.fromEntries(
    tailAlgorithms.map((algorithm) => [
      algorithm,
      seeds.map((seed) => simulateTail(tailWorlds[name], { algorithm, seed })),
    ]),
  )
}

const tails = (all: readonly Float64Array[] = [], q: number): number[] =>
  all.map((latencies) => quantile(latencies, q))

/** The figure is a rounded one of a single run of another simulation: it lies where 99 of 100 further runs of ours would. */
function expectOneOfOurs(values: readonly number[], figure: number): void {
  const spread = spreadOf(values)
  expect(Math.abs(spread.mean - figure)).toBeLessThanOrEqual(prediction(spread) + 0.5)
}

describe('ten equal backends at a load of 0.8', () => {
  const all = runs('homogeneous')

  it.each([
    ['round-robin', 47, 72],
    ['least-connections', 46, 70],
    ['p2c', 46, 70],
    ['peak-ewma', 47, 70],
  ] as const)('%s has tails of %i and %i ms', (algorithm, p99, p999) => {
    expectOneOfOurs(tails(all[algorithm], 0.99), p99)
    expectOneOfOurs(tails(all[algorithm], 0.999), p999)
  })

  it('P2C is as good as looking at everyone, under every seed', () => {
    const everyone = tails(all['least-connections'], 0.99)
    tails(all['p2c'], 0.99).forEach((p99, run) => expect(p99).toBeLessThanOrEqual(1.1 * everyone[run]!))
  })
})

describe('one backend five times slower, at a load of 0.6', () => {
  const all = runs('one-slow')

  it('round robin drowns it: a queue that grows by two seconds a second, so that its tail is as long as one looks', () => {
    // Three times as much comes as it can serve; who comes after t seconds waits 2 t. The p99 of all is the p90 of its tenth.
    for (const seconds of [15, 30, 60]) {
      const values = seeds
        .slice(0, 2)
        .map((seed) =>
          quantile(simulateTail(tailWorlds['one-slow'], { algorithm: 'round-robin', seed, seconds }), 0.99),
        )
      const law = 2 * (warmUpMs + seconds * 900)
      for (const value of values) expect(Math.abs(value / law - 1)).toBeLessThan(0.1)
    }
  })

  it.each([
    ['least-connections', 59, 155],
    ['p2c', 63, 170],
    ['peak-ewma', 50, 104],
  ] as const)('%s has tails of %i and %i ms', (algorithm, p99, p999) => {
    expectOneOfOurs(tails(all[algorithm], 0.99), p99)
    expectOneOfOurs(tails(all[algorithm], 0.999), p999)
  })

  it('peak EWMA has at most 0.8 of the p99.9 of P2C, and a tenth of that of round robin, under every seed', () => {
    const [p2c, roundRobin] = [tails(all['p2c'], 0.999), tails(all['round-robin'], 0.999)]
    tails(all['peak-ewma'], 0.999).forEach((p999, run) => {
      expect(p999).toBeLessThanOrEqual(0.8 * p2c[run]!)
      expect(p999).toBeLessThanOrEqual(0.1 * roundRobin[run]!)
    })
  })
})

describe('one backend that stops for two seconds, at a load of 0.8', () => {
  const all = runs('one-stalls')

  it.each([
    ['round-robin', 799, 1_882],
    ['least-connections', 46, 71],
    ['p2c', 47, 72],
    ['peak-ewma', 47, 72],
  ] as const)('%s has tails of %i and %i ms', (algorithm, p99, p999) => {
    expectOneOfOurs(tails(all[algorithm], 0.99), p99)
    expectOneOfOurs(tails(all[algorithm], 0.999), p999)
  })

  it('who looks at requests under way has a tenth of the tail of round robin at most, under every seed', () => {
    const roundRobin = tails(all['round-robin'], 0.999)
    for (const algorithm of ['least-connections', 'p2c', 'peak-ewma'])
      tails(all[algorithm], 0.999).forEach((p999, run) =>
        expect(p999).toBeLessThanOrEqual(0.1 * roundRobin[run]!),
      )
  })
})

describe('a simulation', () => {
  it('repeats itself, serves everyone, and differs by its seed', () => {
    const [first, second, other] = [1, 1, 2].map((seed) =>
      simulateTail(tailWorlds.homogeneous, { algorithm: 'p2c', seed, seconds: 2 }),
    )
    expect(first).toEqual(second)
    expect(first).not.toEqual(other)
    // 6400 a second, give or take four standard deviations.
    expect(Math.abs(first!.length - 12_800)).toBeLessThan(4 * Math.sqrt(12_800))
  })
})
