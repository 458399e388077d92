import { expect, it } from 'vitest'
import { benchRoute } from '../../bench/bench-route.ts'

it('measures every contender in every round, and says whether its bars are met', async () => {
  const result = await benchRoute({ rounds: 3, steps: 200 })
  expect(result).toMatchObject({ rounds: 3, steps: 200, bars: { overheadNs: 2_000, timesOpossum: 1 } })
  for (const cost of [result.bare, result.route, result.opossum]) {
    expect(cost.least).toBeGreaterThanOrEqual(0)
    expect(cost.median).toBeGreaterThanOrEqual(cost.least)
    expect(cost.most).toBeGreaterThanOrEqual(cost.median)
  }
  expect(result.overheadNs).toBe(result.route.median - result.bare.median)
  expect(result.isMet).toBe(result.overheadNs <= 2_000 && result.timesOpossum >= 1)
})
