import { expect, it } from 'vitest'
import { benchPicks } from '../../bench/bench-picks.ts'

it('measures each algorithm and the peer at each size, and says which bars are missed', async () => {
  const results = await benchPicks({
    algorithms: ['p2c', 'rendezvous'],
    sizes: [2, 200],
    rounds: 3,
    steps: 500,
  })
  const names = results.map(({ name, backends }) => `${name} of ${backends}`)
  expect(names).toEqual([
    'p2c of 2',
    'p2c of 200',
    'rendezvous of 2',
    'balanced-pool of 2',
    'balanced-pool of 200',
  ])
  for (const { least, median, most, bytes, buildMs } of results) {
    expect(least).toBeGreaterThanOrEqual(0)
    expect(median).toBeGreaterThanOrEqual(least)
    expect(most).toBeGreaterThanOrEqual(median)
    expect(bytes).toBeGreaterThanOrEqual(0)
    expect(buildMs).toBeGreaterThanOrEqual(0)
  }
  // Bars are set for those that the pick is to be quick with.
  expect(results.map(({ missed }) => Array.isArray(missed))).toEqual([true, true, false, false, false])
})
