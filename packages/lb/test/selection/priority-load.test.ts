import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { levelLoads, localPercent } from '../../src/selection/priority-load.ts'
import { fleet, tally } from '../support/fleet.ts'

const level = fc
  .record({ total: fc.nat(200), part: fc.double({ min: 0, max: 1, noNaN: true }) })
  .map(({ total, part }) => ({ total, up: Math.round(total * part) }))

describe('the load of priority levels', () => {
  it('is all of the traffic, goes down the levels only as far as it must, and panics only where too few are up', () => {
    fc.assert(
      fc.property(
        fc.array(level, { minLength: 1, maxLength: 5 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (levels, panicThreshold) => {
          const loads = levelLoads(levels, panicThreshold)
          expect(loads.reduce((sum, { percent }) => sum + percent, 0)).toBe(100)
          const canCarry = levels.map(({ total, up }) =>
            total === 0 ? 0 : Math.min(100, (140 * up) / total),
          )
          const whole = canCarry.reduce((sum, each) => sum + Math.floor(each + 1e-9), 0) >= 100
          let above = 0
          loads.forEach(({ percent, isPanic }, index) => {
            const { total, up } = levels[index]!
            expect(percent).toBeGreaterThanOrEqual(0)
            expect(Number.isInteger(percent)).toBe(true)
            if (up === 0 && levels.some((each) => Math.floor((140 * each.up) / each.total) > 0))
              expect(percent).toBe(0)
            if (whole) {
              expect(percent).toBeLessThanOrEqual(canCarry[index]! + 1e-9)
              // Nothing for a level while one above could have carried more.
              if (percent > 0) expect(above).toBe(0)
              above = Math.floor(canCarry[index]! + 1e-9) - percent
            }
            expect(isPanic).toBe(!whole && total > 0 && up / total < panicThreshold)
          })
        },
      ),
      { numRuns: 1_000 },
    )
  })

  it('gives what rounding leaves over to the first that can carry any', () => {
    const levels = [
      { total: 100, up: 0 },
      { total: 100, up: 10 },
      { total: 100, up: 20 },
      { total: 100, up: 7 },
    ]
    expect(levelLoads(levels, 0.5).map(({ percent }) => percent)).toEqual([0, 29, 54, 17])
  })

  it('goes by those that are to stay: who drains counts for nobody', async () => {
    const { lb } = fleet(20, { explain: 0 }, (i) => ({ priority: i < 10 ? 1 : 0 }))
    const high = (): number => {
      const ids = Array.from({ length: 4_000 }, () => lb.choose()!.id)
      return ids.filter((id) => Number(id.slice(1)) < 10).length / ids.length
    }
    await Promise.all([0, 1, 2, 3, 4, 5].map((n) => lb.drain(`b${n}`)))
    expect(high()).toBe(1)
    await Promise.all([6, 7, 8, 9].map((n) => lb.drain(`b${n}`)))
    expect(high()).toBe(0)
  })

  it('is shared half and half in panic, all of both levels, where a quarter of each is up', async () => {
    const { lb, clock } = fleet(
      40,
      {
        healthCheck: { probe: ({ id }) => Number(id.slice(1)) % 4 === 0, unhealthyThreshold: 1 },
        explain: 0,
        algorithm: 'random',
      },
      (i) => ({ priority: i < 20 ? 1 : 0 }),
    )
    lb.start()
    await clock.pass(1)
    const counts = tally(Array.from({ length: 20_000 }, () => lb.choose()!.id))
    expect(Object.keys(counts)).toHaveLength(40)
    const high = Object.entries(counts).reduce((sum, [id, n]) => sum + (Number(id.slice(1)) < 20 ? n : 0), 0)
    expect(high / 20_000).toBeGreaterThan(0.48)
    expect(high / 20_000).toBeLessThan(0.52)
    await lb.close()
  })
})

describe('the share of the own zone', () => {
  it.each([
    [5, 5, 5, 100],
    [5, 4, 5, 100],
    [5, 3, 5, 84],
    [5, 1, 5, 28],
    [5, 0, 5, 0],
    [5, 1, 0, 100],
    [0, 0, 5, 0],
  ])('of %d of which %d are up, with %d up elsewhere, is %d percent', (total, up, elsewhere, percent) => {
    expect(localPercent({ total, up }, { total: 5, up: elsewhere })).toBe(percent)
  })

  it('is no more than that of the others in panic: all bear it, wherever they are', async () => {
    const { lb, clock } = fleet(
      10,
      {
        zone: 'a',
        healthCheck: { probe: ({ id }) => id === 'b8' || id === 'b9', unhealthyThreshold: 1 },
        explain: 0,
        algorithm: 'round-robin',
      },
      (i) => ({ zone: i < 5 ? 'a' : 'b' }),
    )
    lb.start()
    await clock.pass(1)
    const counts = tally(Array.from({ length: 1_000 }, () => lb.choose()!.id))
    expect(Object.values(counts)).toEqual(new Array(10).fill(100))
    await lb.close()
  })
})
