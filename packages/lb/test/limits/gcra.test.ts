import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Gcra } from '../../src/limits/gcra.ts'

/** Keeps the one number for a limit: 0 if it may pass, otherwise how long to wait. */
function limited(perSecond: number, burst: number): (now: number) => number {
  const limit = new Gcra(perSecond, burst)
  let arrivesAt = -Infinity
  return (now) => {
    const waitMs = limit.waitMs(arrivesAt, now)
    if (waitMs === 0) arrivesAt = limit.pass(arrivesAt, now)
    return waitMs
  }
}

describe('GCRA', () => {
  it('lets a burst pass, then one every gap', () => {
    const take = limited(10, 5)
    const passed = Array.from({ length: 8 }, () => take(0))
    expect(passed.map((wait) => wait === 0)).toEqual([true, true, true, true, true, false, false, false])
    expect(passed[5]).toBeCloseTo(100)
    expect(take(99)).toBeGreaterThan(0)
    expect(take(100)).toBe(0)
    expect(take(100)).toBeGreaterThan(0)
    expect(Array.from({ length: 6 }, () => take(10_000)).filter((wait) => wait === 0)).toHaveLength(5)
  })

  it('never lets more pass in any time than its rate and burst allow', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 300 }),
        (rate, burst, gaps) => {
          const take = limited(rate, burst)
          const passed: number[] = []
          let now = 0
          for (const gap of gaps) {
            now += gap
            if (take(now) === 0) passed.push(now)
          }
          for (let from = 0; from < passed.length; from++)
            for (let to = from; to < passed.length; to++) {
              const allowed = burst + ((passed[to]! - passed[from]!) * rate) / 1_000
              expect(to - from + 1).toBeLessThanOrEqual(allowed + 1e-6)
            }
        },
      ),
    )
  })
})
