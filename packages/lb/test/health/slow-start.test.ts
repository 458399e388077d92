import { describe, expect, it } from 'vitest'
import type { SlowStartOptions } from '../../src/index.ts'
import { checkSlowStart, warmth } from '../../src/health/slow-start.ts'
import { fleet } from '../support/fleet.ts'

describe('the weight of one that begins slowly', () => {
  it.each([
    [1, 0.1, [0.1, 0.1, 0.25, 0.5, 0.75, 1, 1]],
    [2, 0.1, [0.1, Math.sqrt(0.05), 0.5, Math.SQRT1_2, Math.sqrt(0.75), 1, 1]],
    [0.5, 0.1, [0.1, 0.1, 0.1, 0.25, 0.5625, 1, 1]],
    [1, 0, [0, 0.05, 0.25, 0.5, 0.75, 1, 1]],
  ])(
    'is max(least, (t / window) ^ (1 / aggression)): aggression %d, least %d',
    (aggression, minShare, at) => {
      const options = checkSlowStart({ windowMs: 1_000, aggression, minShare })
      const shares = [0, 50, 250, 500, 750, 1_000, 5_000].map((ms) => warmth(options, ms))
      shares.forEach((share, index) => expect(share).toBeCloseTo(at[index]!, 10))
      expect(warmth(options, -5)).toBe(minShare)
    },
  )

  it('rises for one that comes back from an ejection, and not for one that was only drained', async () => {
    const { lb, clock } = fleet(3, {
      slowStart: { windowMs: 100_000 },
      outlier: { consecutiveFailures: 1, jitterMs: 0 },
      breaker: false,
    })
    lb.start()
    lb.pick({ exclude: lb.backends.slice(1) }).done('failed')
    void lb.drain('b1')
    await clock.pass(30_000)
    lb.restore('b1')
    lb.choose()
    expect(lb.backends.map(({ effectiveWeight }) => effectiveWeight)).toEqual([0.1, 1, 1])
    await clock.pass(50_000)
    expect(lb.backends[0]!.effectiveWeight).toBeCloseTo(0.5)
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('leaves no timer where the balancer closes meanwhile, even if it is still asked', async () => {
    const { lb, clock } = fleet(1, { slowStart: { windowMs: 10_000 } })
    lb.start()
    lb.add({ id: 'late', host: 'h', port: 1 })
    lb.choose()
    await lb.close()
    lb.update('late', { weight: 3 })
    lb.choose()
    lb.getLoadDistribution()
    expect(clock.pending).toBe(0)
  })

  it.each([
    {},
    { windowMs: 0 },
    { windowMs: Number.POSITIVE_INFINITY },
    { windowMs: 1, aggression: 0 },
    { windowMs: 1, aggression: Number.NaN },
    { windowMs: 1, minShare: 1.1 },
    { windowMs: 1, minShare: -0.1 },
    { windowMs: 1, window: 2 },
  ])('refuses %j', (slowStart) => {
    expect(() => fleet(1, { slowStart: slowStart as SlowStartOptions })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})
