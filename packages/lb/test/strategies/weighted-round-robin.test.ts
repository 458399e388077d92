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

  it.each([3, 100])('of %i lets one that was light have its new share at once', (count) => {
    const { lb } = fleet(count, { algorithm: 'weighted-round-robin' }, (i) => ({
      weight: i === 0 ? 0.01 : 1,
    }))
    for (let pick = 0; pick < count * 2.5; pick++) lb.choose()
    lb.update('b0', { weight: 9 * (count - 1) })
    // Nine of ten, once those whose turn it was have had it.
    const picks = count * 10
    const counts = tally(Array.from({ length: picks }, () => lb.choose()!.id))
    expect(Math.abs(counts['b0']! - picks * 0.9)).toBeLessThanOrEqual(count)
  })

  it.each([10, 100])('is exact for %i backends with weights changed at random at any time', (count) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(count - 1), fc.integer({ min: 1, max: 9 }), fc.nat(200)), {
          maxLength: 10,
        }),
        (changes) => {
          const { lb } = fleet(count, { algorithm: 'weighted-round-robin', explain: 0 })
          for (const [index, weight, picks] of changes) {
            lb.update(`b${index}`, { weight })
            for (let pick = 0; pick < picks; pick++) lb.choose()
          }
          const total = lb.backends.reduce((sum, backend) => sum + backend.weight, 0)
          // Where everyone stands when the weights change is no multiple of a turn: one more or less each.
          for (let rounds = 1; rounds <= 3; rounds++) {
            const counts = tally(Array.from({ length: total * rounds }, () => lb.choose()!.id))
            for (const { id, weight } of lb.backends)
              expect(Math.abs((counts[id] ?? 0) - weight * rounds)).toBeLessThanOrEqual(2)
          }
        },
      ),
      { numRuns: 30 },
    )
  })

  it.each([
    ['from the heap', 65, 1],
    ['to the heap', 64, -1],
  ])('keeps the place of those who stay when it changes %s', (_, count, removed) => {
    const { lb } = fleet(count, { algorithm: 'weighted-round-robin' })
    const first = new Set(Array.from({ length: 32 }, () => lb.choose()!.id))
    if (removed === 1) lb.remove([...first][0]!)
    else lb.add({ id: 'late', host: 'h', port: 1 })
    const second = Array.from({ length: 32 }, () => lb.choose()!.id)
    expect(second.filter((id) => first.has(id))).toEqual([])
  })

  it.each([3, 100])('lets one of %i that was full make up for nothing in one go', (count) => {
    const { lb } = fleet(count, { algorithm: 'weighted-round-robin' }, () => ({ maxConnections: 1 }))
    const held = lb.pick()
    for (let pick = 0; pick < count * 20; pick++) expect(lb.choose()).not.toBe(held.backend)
    held.done()
    const counts = tally(Array.from({ length: count * 3 }, () => lb.choose()!.id))
    expect(counts[held.backend.id]).toBeLessThanOrEqual(4)
    expect(counts[held.backend.id]).toBeGreaterThanOrEqual(2)
  })

  it.each([3, 100])('stays exact with %i weights far apart or in fractions', (count) => {
    const weights = [1e9, 2e9 / 3, 1e-3, 0.1, 0.3]
    const { lb } = fleet(count, { algorithm: 'weighted-round-robin', explain: 0 }, (i) => ({
      weight: i < 2 ? weights[i]! : weights[2 + (i % 3)]!,
    }))
    const counts = tally(Array.from({ length: 50_000 }, () => lb.choose()!.id))
    const light = Object.entries(counts).reduce(
      (sum, [id, n]) => (id === 'b0' || id === 'b1' ? sum : sum + n),
      0,
    )
    expect(Math.abs(counts['b0']! - 30_000)).toBeLessThanOrEqual(1)
    expect(Math.abs(counts['b1']! - 20_000)).toBeLessThanOrEqual(1)
    expect(light).toBe(0)
  })

  it('counts fractions exactly over a million turns', () => {
    const { lb } = fleet(70, { algorithm: 'weighted-round-robin', explain: 0 }, (i) => ({
      weight: (1 + (i % 7)) / 10,
    }))
    // Seventy weights of 0.1 to 0.7 are 28 in all: 280 turns of a tenth.
    const counts = tally(Array.from({ length: 280 * 3_600 }, () => lb.choose()!.id))
    lb.backends.forEach(({ id }, index) => expect(counts[id]).toBe((1 + (index % 7)) * 3_600))
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
