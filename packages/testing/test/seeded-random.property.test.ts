import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { createSeededRandom } from '../src/index.ts'

describe('createSeededRandom', () => {
  it('repeats for its seed and stays within its bounds', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -50, max: 50 }), fc.nat(100), (seed, low, span) => {
        const [one, other] = [createSeededRandom(seed), createSeededRandom(seed)]
        for (let index = 0; index < 20; index += 1) {
          const value = one.between(low, low + span)
          expect(value).toBe(other.between(low, low + span))
          expect(Number.isInteger(value) && value >= low && value <= low + span).toBe(true)
          const next = one.next()
          expect(next).toBe(other.next())
          expect(next >= 0 && next < 1).toBe(true)
        }
      }),
    )
  })

  it('reaches every item, and refuses to pick from none', () => {
    const random = createSeededRandom(1)
    const seen = new Set(Array.from({ length: 200 }, () => random.pick(['a', 'b', 'c'])))
    expect([...seen].toSorted()).toEqual(['a', 'b', 'c'])
    expect(() => random.pick([])).toThrow(RangeError)
  })
})
