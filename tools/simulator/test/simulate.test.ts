import type { AlgorithmName } from '@aether/lb'
import { describe, expect, it } from 'vitest'
import { plotTails } from '../src/plot.ts'
import { type Scenario, scenarios } from '../src/scenario.ts'
import { quantile, simulate, type Simulated } from '../src/simulate.ts'

const seconds = 40
const algorithms: readonly AlgorithmName[] = ['round-robin', 'least-connections', 'p2c', 'peak-ewma']

function run(name: string): Record<string, Simulated> {
  const scenario = scenarios.find((each) => each.name === name) as Scenario
  return Object.fromEntries(
    algorithms.map((algorithm) => [algorithm, simulate(scenario, { algorithm, seconds })]),
  )
}

const tail = (results: Record<string, Simulated>, algorithm: AlgorithmName, q: number): number =>
  quantile((results[algorithm] as Simulated).latencies, q)

/** Within a third of the figure: a p99.9 of a quarter of a million requests is no exact number. */
function expectNear(actual: number, figure: number): void {
  expect(actual).toBeGreaterThan(figure * 0.75)
  expect(actual).toBeLessThan(figure * 1.33)
}

describe('ten equal backends at a load of 0.8', () => {
  const results = run('homogeneous')

  it.each([
    ['round-robin', 47, 72],
    ['least-connections', 46, 70],
    ['p2c', 46, 70],
    ['peak-ewma', 47, 70],
  ] as const)('%s has tails of %i and %i ms', (algorithm, p99, p999) => {
    expectNear(tail(results, algorithm, 0.99), p99)
    expectNear(tail(results, algorithm, 0.999), p999)
  })

  it('P2C is as good as looking at everyone', () => {
    expect(tail(results, 'p2c', 0.99)).toBeLessThanOrEqual(1.1 * tail(results, 'least-connections', 0.99))
  })
})

describe('one backend five times slower, at a load of 0.6', () => {
  const results = run('one-slow')

  it('round robin drowns it', () => {
    expect(tail(results, 'round-robin', 0.99)).toBeGreaterThan(10_000)
  })

  it.each([
    ['least-connections', 59, 155],
    ['p2c', 63, 170],
    ['peak-ewma', 50, 104],
  ] as const)('%s has tails of %i and %i ms', (algorithm, p99, p999) => {
    expectNear(tail(results, algorithm, 0.99), p99)
    expectNear(tail(results, algorithm, 0.999), p999)
  })

  it('peak EWMA has at most 0.8 of the p99.9 of P2C, and a tenth of that of round robin', () => {
    const ours = tail(results, 'peak-ewma', 0.999)
    expect(ours).toBeLessThanOrEqual(0.8 * tail(results, 'p2c', 0.999))
    expect(ours).toBeLessThanOrEqual(0.1 * tail(results, 'round-robin', 0.999))
  })
})

describe('one backend that stops for two seconds now and then', () => {
  const results = run('one-stalls')

  it('round robin waits for it', () => {
    expect(tail(results, 'round-robin', 0.99)).toBeGreaterThan(500)
    expectNear(tail(results, 'round-robin', 0.999), 1_882)
  })

  it.each([
    ['least-connections', 46, 71],
    ['p2c', 47, 72],
    ['peak-ewma', 47, 72],
  ] as const)('%s goes round it: %i and %i ms', (algorithm, p99, p999) => {
    expectNear(tail(results, algorithm, 0.99), p99)
    expectNear(tail(results, algorithm, 0.999), p999)
  })
})

describe('a simulation', () => {
  const scenario = scenarios[0] as Scenario

  it('repeats itself, and serves everyone', () => {
    const [first, second] = [1, 2].map(() => simulate(scenario, { algorithm: 'p2c', seconds: 2 }))
    expect(first?.latencies).toEqual(second?.latencies)
    expect(first?.requests).toBeGreaterThan(11_000)
  })

  it('is drawn as a plot with a line for each algorithm', () => {
    const results = algorithms.map((algorithm) => simulate(scenario, { algorithm, seconds: 1 }))
    const svg = plotTails(scenario.title, results)
    expect(svg.match(/<polyline /g)).toHaveLength(algorithms.length)
    for (const algorithm of algorithms) expect(svg).toContain(`>${algorithm}</text>`)
    expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    expect(svg.match(/<(?!\/)[a-z]+/g)?.length).toBe((svg.match(/\/>|<\/[a-z]+>/g) ?? []).length)
  })
})
