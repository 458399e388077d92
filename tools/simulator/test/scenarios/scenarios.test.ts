import { describe, expect, it } from 'vitest'
import { runScenario } from '../../src/run-scenario.ts'
import type { Scenario } from '../../src/scenario.ts'
import { failingFast } from '../../src/scenarios/failing-fast.ts'
import { overload } from '../../src/scenarios/overload.ts'
import { retryStorm } from '../../src/scenarios/retry-storm.ts'
import { slowStart } from '../../src/scenarios/slow-start.ts'

/** One figure of every variant, under each of two seeds. */
async function figures(scenario: Scenario, figure: string): Promise<Record<string, readonly number[]>> {
  const results = await runScenario(scenario, { seed: 1, runs: 2 })
  return Object.fromEntries(
    [...results].map(([variant, runs]) => [variant, runs.map((run) => run.figures[figure]!)]),
  )
}

describe('slow start', () => {
  it('cuts the p99.9 while a cold backend warms up to two thirds at most, whatever the algorithm', async () => {
    const tails = await figures(slowStart, 'p99.9 ms')
    for (const algorithm of ['weighted round robin', 'p2c'])
      tails[`${algorithm}, slow start`]!.forEach((tail, run) =>
        expect(tail).toBeLessThan((tails[algorithm]![run]! * 2) / 3),
      )
  })
})

describe('a backend that fails fast', () => {
  it('draws everyone who counts requests under way, unless failures count as slow, eject, or open a breaker', async () => {
    const failed = await figures(failingFast, 'failed %')
    for (const each of failed['least connections alone']!) expect(each).toBeGreaterThan(33)
    for (const each of failed['p2c alone']!) expect(each).toBeGreaterThan(15)
    for (const variant of ['peak EWMA alone', 'p2c, outlier ejection', 'p2c, breaker'])
      for (const each of failed[variant]!) expect(each).toBeLessThan(0.1)
  })
})

describe('a retry storm', () => {
  it('outlasts its cause without a budget, and not with one', async () => {
    const results = await runScenario(retryStorm, { seed: 1, runs: 2 })
    const of = (variant: string, figure: string): readonly number[] =>
      results.get(variant)!.map((run) => run.figures[figure]!)
    for (const variant of ['no retries', 'retries within the budget'])
      for (const answered of of(variant, 'answered in the end %')) expect(answered).toBeGreaterThan(99)
    for (const answered of of('retries without a budget', 'answered in the end %'))
      expect(answered).toBeLessThan(10)
    for (const attempts of of('retries within the budget', 'attempts per request'))
      expect(attempts).toBeLessThan(1.2)
    for (const attempts of of('retries without a budget', 'attempts per request'))
      expect(attempts).toBeGreaterThan(1.5)
  })
})

describe('overload', () => {
  it('leaves hardly an answer in time without control, and nearly all of the capacity with it', async () => {
    const results = await runScenario(overload, { seed: 1, runs: 2 })
    const inTime = (variant: string): readonly number[] =>
      results.get(variant)!.map((run) => run.figures['in time, of capacity %']!)
    for (const variant of ['no limit: queues at the backends', 'a queue'])
      for (const each of inTime(variant)) expect(each).toBeLessThan(10)
    for (const variant of ['a queue with CoDel', 'adaptive concurrency and CoDel'])
      for (const each of inTime(variant)) expect(each).toBeGreaterThan(90)
  })
})
