import { describe, expect, it } from 'vitest'
import { type Lease, seededRandom } from '../../src/index.ts'
import { PeakEwma } from '../../src/latency/peak-ewma.ts'
import { fleet, tally } from '../support/fleet.ts'

describe('power of two choices', () => {
  it('fills a hundred bins with a hundred balls as it is: 4.23 high by chance, 2.55 with two choices', () => {
    const rounds = 400
    const measure = (algorithm: 'random' | 'p2c'): { readonly mean: number; readonly error: number } => {
      const { lb } = fleet(100, { algorithm, explain: 0 })
      const tops = Array.from({ length: rounds }, () => {
        const leases = Array.from({ length: 100 }, () => lb.pick())
        const top = Math.max(...lb.backends.map((backend) => backend.active))
        for (const lease of leases) lease.done()
        return top
      })
      const mean = tops.reduce((sum, top) => sum + top, 0) / rounds
      const variance = tops.reduce((sum, top) => sum + (top - mean) ** 2, 0) / (rounds - 1)
      return { mean, error: Math.sqrt(variance / rounds) }
    }
    // By counting alone, over thousands of rounds: 4.23, and 2.55 with two different ones.
    const random = measure('random')
    expect(Math.abs(random.mean - 4.23)).toBeLessThan(4 * random.error + 0.03)
    const choices = measure('p2c')
    expect(Math.abs(choices.mean - 2.55)).toBeLessThan(4 * choices.error + 0.03)
  })

  it('never compares a backend with itself: of two, the idle one is always taken', () => {
    const { lb } = fleet(2)
    const held = lb.pick()
    for (let pick = 0; pick < 200; pick++) expect(lb.choose()!.id).not.toBe(held.backend.id)
  })

  it.each([
    ['one at a time', 1, 0],
    ['some at a time', 40, 0.05],
    ['many at a time', 1_000, 0.02],
  ])('gives shares by weight, with requests %s', (_, concurrency, slack) => {
    const weights = [6, 2, 1, 0.5, 0.5]
    const { lb } = fleet(5, { explain: 0 }, (i) => ({ weight: weights[i]!, maxConnections: 10_000 }))
    const random = seededRandom(3)
    const picks = 40_000
    const counts = [0, 0, 0, 0, 0]
    const held: Lease[] = []
    for (let pick = 0; pick < picks; pick++) {
      if (held.length === concurrency) {
        const index = Math.floor(random() * concurrency)
        held[index]!.done()
        held[index] = held.at(-1)!
        held.pop()
      }
      const lease = lb.pick()
      counts[Number(lease.backend.id.slice(1))]!++
      held.push(lease)
    }
    weights.forEach((weight, index) => {
      const share = weight / 10
      const error = 4 * Math.sqrt((share * (1 - share)) / picks)
      expect(Math.abs(counts[index]! / picks - share)).toBeLessThan(error + slack)
    })
  })

  it('spreads what is under way by weight', () => {
    const { lb } = fleet(4, {}, (i) => ({ weight: [6, 2, 1, 1][i]! }))
    for (let pick = 0; pick < 1_000; pick++) lb.pick()
    const [first, second, third, fourth] = lb.backends.map((backend) => backend.active)
    for (const [active, share] of [
      [first, 600],
      [second, 200],
      [third, 100],
      [fourth, 100],
    ])
      expect(Math.abs(active! - share!)).toBeLessThan(0.1 * share!)
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

describe('two choices in a panic', () => {
  it('do not take an unhealthy one for better than a degraded one, nor spare it for a healthy one', async () => {
    const states = ['unhealthy', 'degraded', 'unhealthy', 'unhealthy', 'healthy'] as const
    const { lb, clock } = fleet(5, {
      explain: 0,
      healthCheck: { probe: ({ id }) => states[Number(id.slice(1))]!, unhealthyThreshold: 1 },
    })
    lb.start()
    await clock.pass(1)
    const counts = tally(Array.from({ length: 10_000 }, () => lb.choose()!.id))
    expect(lb.getLoadDistribution().isPanic).toBe(true)
    for (const id of ['b0', 'b2', 'b3', 'b4']) expect(counts[id]! / 10_000).toBeGreaterThan(0.15)
    expect(counts['b1']).toBeGreaterThan(1_000)
    await lb.close()
  })
})

describe('peak EWMA', () => {
  it('follows its formula: a peak counts at once, anything less draws the estimate to it as time passes', () => {
    const { lb, clock } = fleet(1, { algorithm: 'peak-ewma', decayMs: 10_000, failurePenaltyMs: 300 })
    const backend = lb.backends[0]!
    const sample = (ms: number, outcome: 'ok' | 'failed' = 'ok'): number => {
      lb.pick().done(outcome, ms)
      return backend.expectedMs(clock.monotonic())
    }
    expect(sample(100)).toBe(100)
    clock.advance(5_000)
    const fading = Math.exp(-0.5)
    let cost = 100 * fading + 40 * (1 - fading)
    expect(sample(40)).toBeCloseTo(cost, 9)
    expect(sample(250)).toBe(250)
    clock.advance(20_000)
    cost = 250 * Math.exp(-2) + 1 * (1 - Math.exp(-2))
    expect(sample(1)).toBeCloseTo(cost, 9)
    // A failure that is quick counts as the penalty, a slow one as what it took.
    expect(sample(0.1, 'failed')).toBe(300)
    expect(sample(900, 'failed')).toBe(900)
    clock.advance(10_000)
    expect(backend.expectedMs(clock.monotonic())).toBeCloseTo(900 / Math.E, 9)
  })

  it('weighs the estimate by who is under way, and by the age of the oldest of them', () => {
    const { lb, clock } = fleet(1, { algorithm: 'peak-ewma' }, () => ({ weight: 4 }))
    const backend = lb.backends[0]!
    const load = (): number => backend.expectedLoad(clock.monotonic())
    expect(load()).toBe(0)
    const first = lb.pick()
    // Nothing is known, and one is under way there: worse than all that is known.
    expect(load()).toBeGreaterThan(1e8)
    first.done('ok', 20)
    expect(load()).toBe(20 / 4)
    const leases = [lb.pick(), lb.pick(), lb.pick()]
    expect(load()).toBe((20 * 4) / 4)
    clock.advance(70)
    expect(load()).toBe((70 * 4) / 4)
    leases[0]!.done('ok', 20)
    leases[1]!.done('ok', 20)
    clock.advance(5)
    expect(load()).toBe((75 * 2) / 4)
    leases[2]!.done('ok', 20)
    expect(load()).toBeCloseTo(20 / 4, 6)
  })

  it.each([Number.NaN, -1, Infinity])(
    'learns nothing from a latency of %d that someone tells it',
    (latencyMs) => {
      const estimate = new PeakEwma(10_000)
      estimate.observe(50, 0)
      estimate.observe(latencyMs, 10)
      expect(estimate.read(10)).toBe(50)
    },
  )

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
