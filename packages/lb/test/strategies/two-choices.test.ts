import { describe, expect, it } from 'vitest'
import { fleet, tally } from '../support/fleet.ts'

describe('power of two choices', () => {
  it('fills a hundred bins with a hundred balls as the theory says: 4.0 by chance, 2.6 with two choices', () => {
    const mean = (algorithm: 'random' | 'p2c'): number => {
      const { lb } = fleet(100, { algorithm, explain: 0 })
      let sum = 0
      for (let round = 0; round < 200; round++) {
        const leases = Array.from({ length: 100 }, () => lb.pick())
        sum += Math.max(...lb.backends.map((backend) => backend.active))
        for (const lease of leases) lease.done()
      }
      return sum / 200
    }
    expect(mean('random')).toBeGreaterThan(3.7)
    expect(mean('random')).toBeLessThan(4.35)
    expect(mean('p2c')).toBeGreaterThan(2.4)
    expect(mean('p2c')).toBeLessThan(2.8)
  })

  it('never compares a backend with itself: of two, the idle one is always taken', () => {
    const { lb } = fleet(2)
    const held = lb.pick()
    for (let pick = 0; pick < 200; pick++) expect(lb.choose()!.id).not.toBe(held.backend.id)
  })

  it('draws by weight', () => {
    const { lb } = fleet(4, {}, (i) => ({ weight: [6, 2, 1, 1][i]! }))
    const held: { done(): void }[] = []
    for (let pick = 0; pick < 1_000; pick++) held.push(lb.pick())
    const active = lb.backends.map((backend) => backend.active)
    expect(active[0]).toBeGreaterThan(560)
    expect(active[0]).toBeLessThan(640)
    expect(active[1]).toBeGreaterThan(170)
    expect(active[1]).toBeLessThan(230)
    for (const lease of held) lease.done()
  })

  it('finds the one free slot among many that are full', () => {
    const { lb } = fleet(50, {}, () => ({ maxConnections: 1 }))
    const leases = Array.from({ length: 50 }, () => lb.pick())
    leases[17]!.done()
    expect(lb.choose()!.id).toBe(leases[17]!.backend.id)
  })

  it('prefers the healthy one, whatever its load', async () => {
    const { lb, clock } = fleet(2, {
      healthCheck: { probe: (backend) => (backend.id === 'b0' ? 'degraded' : 'healthy') },
    })
    lb.start()
    await clock.pass(1)
    const leases = Array.from({ length: 20 }, () => lb.pick())
    expect(tally(leases.map((lease) => lease.backend.id))).toEqual({ b1: 20 })
    for (const lease of leases) lease.done()
    await lb.close()
  })
})

describe('peak EWMA', () => {
  it('leaves a slow backend to a fast one', () => {
    const { lb, clock } = fleet(2, { algorithm: 'peak-ewma' })
    for (let round = 0; round < 10; round++) {
      for (const backend of lb.backends) {
        const lease = lb.pick({ exclude: lb.backends.filter((other) => other !== backend) })
        clock.advance(1)
        lease.done('ok', backend.id === 'b0' ? 100 : 10)
      }
    }
    expect(tally(Array.from({ length: 50 }, () => lb.choose()!.id))).toEqual({ b1: 50 })
  })

  it('sees a stall before it ends', () => {
    const { lb, clock } = fleet(2, { algorithm: 'peak-ewma' })
    for (const backend of lb.backends)
      lb.pick({ exclude: lb.backends.filter((other) => other !== backend) }).done('ok', 10)
    const stalled = lb.pick()
    clock.advance(500)
    // One more on the other side: by counts alone both would be equal.
    const other = lb.pick({ exclude: [stalled.backend] })
    clock.advance(1)
    expect(tally(Array.from({ length: 50 }, () => lb.choose()!.id))).toEqual({ [other.backend.id]: 50 })
    stalled.done()
    other.done()
  })

  it('gives a newcomer one request to know it by, and no more before that is back', () => {
    const { lb, clock } = fleet(2, { algorithm: 'peak-ewma' })
    lb.pick({ exclude: [lb.backends[1]!] }).done('ok', 10)
    clock.advance(1)
    const first = lb.pick()
    expect(first.backend.id).toBe('b1')
    expect(tally(Array.from({ length: 50 }, () => lb.choose()!.id))).toEqual({ b0: 50 })
    first.done()
  })

  it('takes a failure for slow, so that one who fails at once draws nobody', () => {
    const { lb, clock } = fleet(2, { algorithm: 'peak-ewma', breaker: false })
    lb.pick({ exclude: [lb.backends[1]!] }).done('failed', 0.1)
    lb.pick({ exclude: [lb.backends[0]!] }).done('ok', 50)
    clock.advance(1)
    expect(tally(Array.from({ length: 50 }, () => lb.choose()!.id))).toEqual({ b1: 50 })
  })

  it('forgets a peak in time', () => {
    const { lb, clock } = fleet(2, { algorithm: 'peak-ewma' })
    lb.pick({ exclude: [lb.backends[1]!] }).done('ok', 1_000)
    lb.pick({ exclude: [lb.backends[0]!] }).done('ok', 10)
    clock.advance(30_000)
    const expected = lb.backends[0]!.expectedMs(clock.monotonic())
    expect(expected).toBeCloseTo(1_000 * Math.exp(-3), 3)
  })
})
