import { memoryUsage } from 'node:process'
import { describe, expect, it } from 'vitest'
import { createBalancer } from '../../src/index.ts'

const picks = 100_000

/** Median growth of the heap by one pick, in bytes, over rounds in which nothing else happens. */
function bytesPerPick(run: (count: number) => unknown): number {
  for (let round = 0; round < 5; round++) run(picks)
  const growths = Array.from({ length: 9 }, () => {
    const before = memoryUsage().heapUsed
    run(picks)
    return (memoryUsage().heapUsed - before) / picks
  })
  return growths.sort((a, b) => a - b)[4] as number
}

describe('a pick', () => {
  it.each(['p2c', 'round-robin', 'weighted-round-robin', 'maglev', 'ring-hash', 'random'] as const)(
    'of %s allocates nothing',
    (algorithm) => {
      const lb = createBalancer({ algorithm, explain: 0 })
      for (let index = 0; index < 100; index++) lb.add({ host: '10.0.0.1', port: 1 + index })
      const requests = Array.from({ length: 256 }, (_, index) => ({ key: `key-${index}` }))
      const run = (count: number): void => {
        for (let step = 0; step < count; step++)
          if (lb.choose(requests[step & 255]) === undefined) throw new Error('nobody')
      }
      // One boxed fraction would be 16.
      expect(bytesPerPick(run)).toBeLessThan(4)
    },
  )

  it('that allocates would be seen', () => {
    const kept: object[] = [{}]
    const run = (count: number): void => {
      for (let step = 0; step < count; step++) kept[0] = { step }
    }
    expect(bytesPerPick(run)).toBeGreaterThan(8)
  })
})
