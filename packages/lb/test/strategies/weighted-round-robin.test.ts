import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fleet, tally } from '../support/fleet.ts'

describe('weighted round robin', () => {
  it('goes a a b a c a a for 5:1:1', () => {
    const { lb } = fleet(3, { algorithm: 'weighted-round-robin' }, (i) => ({ weight: [5, 1, 1][i]! }))
    const names = Array.from({ length: 14 }, () => 'abc'['b0b1b2'.indexOf(lb.choose()!.id) / 2])
    expect(names.join(' ')).toBe('a a b a c a a a a b a c a a')
  })

  it('picks each exactly as often as it weighs, on both sides of the heap', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 100 }), (weights) => {
        const { lb } = fleet(weights.length, { algorithm: 'weighted-round-robin' }, (i) => ({
          weight: weights[i]!,
        }))
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        for (let round = 0; round < 3; round++) {
          const counts = tally(Array.from({ length: total }, () => lb.choose()!.id))
          weights.forEach((weight, index) => expect(counts[`b${index}`]).toBe(weight))
        }
      }),
      { numRuns: 60 },
    )
  })

  it.each([10, 100])(
    'with %i backends keeps everyone within two picks of their share at any time',
    (count) => {
      const weightOf = (index: number): number => 1 + (index % 5)
      const { lb } = fleet(count, { algorithm: 'weighted-round-robin' }, (i) => ({ weight: weightOf(i) }))
      const total = Array.from({ length: count }, (_, i) => weightOf(i)).reduce((a, b) => a + b)
      const counts = new Map<string, number>()
      for (let pick = 1; pick <= total * 2; pick++) {
        const { id, weight } = lb.choose()!
        counts.set(id, (counts.get(id) ?? 0) + 1)
        expect(Math.abs(counts.get(id)! - (pick * weight) / total)).toBeLessThan(2)
      }
    },
  )

  it('keeps its place when a weight changes', () => {
    const { lb } = fleet(2, { algorithm: 'weighted-round-robin' })
    expect(lb.choose()!.id).toBe('b0')
    lb.update('b1', { weight: 1.5 })
    // b0 has had its turn: had the credits been forgotten, b1 would not necessarily be next, nor get 3 of the next 5.
    const next = Array.from({ length: 5 }, () => lb.choose()!.id)
    expect(next[0]).toBe('b1')
    expect(tally(next)['b1']).toBeGreaterThanOrEqual(3)
  })

  it('keeps the place of those who stay when one of a hundred goes', () => {
    const { lb } = fleet(100, { algorithm: 'weighted-round-robin' })
    const first = new Set(Array.from({ length: 50 }, () => lb.choose()!.id))
    expect(first.size).toBe(50)
    const gone = [...first][0]!
    lb.remove(gone)
    const second = Array.from({ length: 50 }, () => lb.choose()!.id)
    expect(second.filter((id) => first.has(id))).toEqual([])
  })

  it('passes over who is full', () => {
    const { lb } = fleet(3, { algorithm: 'weighted-round-robin' }, () => ({ maxConnections: 1 }))
    const leases = Array.from({ length: 3 }, () => lb.pick())
    expect(new Set(leases.map((lease) => lease.backend.id)).size).toBe(3)
    expect(lb.choose()).toBeUndefined()
    leases[1]!.done()
    expect(lb.choose()!.id).toBe(leases[1]!.backend.id)
  })
})
