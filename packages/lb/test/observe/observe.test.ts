import { describe, expect, it } from 'vitest'
import { Histogram } from '../../src/latency/histogram.ts'
import { fleet } from '../support/fleet.ts'

describe('the histogram', () => {
  it('gives quantiles within 6 %, the exact mean, and forgets by halves', () => {
    const histogram = new Histogram()
    for (let ms = 1; ms <= 1_000; ms++) histogram.record(ms)
    for (const [q, exact] of [
      [0.5, 500],
      [0.95, 950],
      [0.99, 990],
      [1, 1_000],
    ] as const)
      expect(Math.abs(histogram.quantile(q) / exact - 1)).toBeLessThan(0.065)
    expect(histogram.meanMs).toBe(500.5)
    expect(histogram.countUpTo(100)).toBeGreaterThanOrEqual(100)
    expect(histogram.countUpTo(100)).toBeLessThanOrEqual(107)
    histogram.fade()
    expect(histogram.count).toBeLessThan(520)
    histogram.record(1e12)
    histogram.record(-5)
    expect(histogram.quantile(0)).toBeGreaterThan(0)
    expect(new Histogram().quantile(0.5)).toBe(0)
  })
})

describe('metrics', () => {
  function busy() {
    const made = fleet(2, {}, (i) => ({ zone: i === 0 ? 'a "quoted" zone' : 'b' }))
    const on = (index: number) => ({ exclude: [made.lb.backends[1 - index]!] })
    for (let index = 0; index < 8; index++) made.lb.pick(on(0)).done('ok', 10)
    made.lb.pick(on(0)).done('failed', 10)
    made.lb.pick(on(0)).done('failed', 10)
    made.lb.pick(on(1)).done('cancelled', 10)
    made.lb.pick(on(1))
    return made
  }

  it('are those of the seed, and more', () => {
    const { lb, clock } = busy()
    const distribution = lb.getLoadDistribution()
    expect(distribution).toMatchObject({
      at: clock.now(),
      algorithm: 'p2c',
      requests: 12,
      total: 12,
      active: 1,
      queued: 0,
      isPanic: false,
    })
    expect(distribution.backends['b0']).toMatchObject({
      host: '10.0.0.1',
      port: 1_000,
      active: 0,
      total: 10,
      ok: 8,
      failed: 2,
      cancelled: 0,
      errorRate: 0.2,
      meanMs: 10,
      health: 'unknown',
      breaker: 'closed',
      share: 10 / 12,
    })
    expect(distribution.backends['b0']!.p99Ms).toBeCloseTo(10, 0)
    expect(distribution.backends['b1']).toMatchObject({ active: 1, total: 2, cancelled: 1, errorRate: 0 })
  })

  it('sum up for all what they say of each', () => {
    const distribution = busy().lb.getLoadDistribution()
    expect(distribution).toMatchObject({ ok: 8, failed: 2, cancelled: 1, errorRate: 0.2, meanMs: 10 })
    for (const name of ['p50Ms', 'p95Ms', 'p99Ms'] as const) expect(distribution[name]).toBeCloseTo(10, 0)
  })

  it('tell the rate of the last seconds, of each backend and of all', () => {
    const { lb, clock } = fleet(2)
    const perSecond = () => {
      const { perSecond: all, backends } = lb.getLoadDistribution()
      return [all, backends['b0']!.perSecond + backends['b1']!.perSecond].map((each) => Math.round(each))
    }
    expect(perSecond()).toEqual([0, 0])
    const run = (seconds: number, rate: number) => {
      for (let n = 0; n < seconds * 10; n++) {
        for (let each = 0; each < rate / 10; each++) lb.pick().done()
        clock.advance(100)
        // How often somebody looks makes no difference.
        if (n % 7 === 0) perSecond()
      }
    }
    run(10, 50)
    expect(perSecond()).toEqual([50, 50])
    run(60, 200)
    expect(perSecond()).toEqual([200, 200])
    run(60, 0)
    expect(perSecond()).toEqual([0, 0])
    clock.advance(3_600_000)
    for (let n = 0; n < 3_600; n++) lb.pick().done()
    clock.advance(3_600_000)
    // Nobody has asked for two hours: it is the rate of those.
    expect(lb.getLoadDistribution().perSecond).toBeCloseTo(0.5, 5)
  })

  it('do not take a moment for ten seconds, whoever looks', () => {
    const { lb, clock } = fleet(1)
    for (let second = 0; second < 60; second++) {
      for (let each = 0; each < 100; each++) lb.pick().done()
      clock.advance(1_000)
      lb.getLoadDistribution()
    }
    clock.advance(2_000)
    // 100 · e^(-2/10).
    expect(lb.getLoadDistribution().perSecond).toBeCloseTo(81.9, 0)
  })

  it('can do without histograms', async () => {
    const { lb } = fleet(1, { metrics: false })
    lb.pick().done('ok', 10)
    expect(lb.getLoadDistribution()).toMatchObject({
      ok: 1,
      meanMs: 0,
      backends: { b0: { ok: 1, p95Ms: 0 } },
    })
    expect(await lb.metrics()).not.toMatch(/latency_seconds_bucket/)
  })
})

describe('events', () => {
  it('tell what happens, each reader on its own, and end with the balancer', async () => {
    const { lb, clock } = fleet(0, { breaker: { failureThreshold: 1, timeoutMs: 100 } })
    const [first, second] = [lb.events(), lb.events()]
    lb.add({ id: 'x', host: 'h', port: 1 })
    lb.pick().done('failed')
    clock.advance(100)
    lb.configureAlgorithm('random')
    lb.remove('x')
    await first.return!()
    expect(await first.next()).toEqual({ done: true, value: undefined })
    await lb.close()
    const seen: string[] = []
    for await (const event of second) seen.push(event.type === 'breaker' ? `breaker ${event.to}` : event.type)
    expect(seen.filter((type) => type !== 'panic')).toEqual([
      'backend-added',
      'breaker open',
      'breaker half-open',
      'algorithm',
      'backend-removed',
    ])
  })

  it('cost a slow reader the oldest ones, and nobody else anything', async () => {
    const { lb } = fleet(0)
    const slow = lb.events({ limit: 2 })
    for (const id of ['a', 'b', 'c']) lb.add({ id, host: 'h', port: 1 })
    expect((await slow.next()).value).toEqual({ type: 'missed', count: 1 })
    expect((await slow.next()).value).toEqual({ type: 'backend-added', backendId: 'b' })
    expect((await slow.next()).value).toEqual({ type: 'backend-added', backendId: 'c' })
    lb.restore('a')
    lb.update('a', { weight: 2 })
    expect((await slow.next()).value).toEqual({ type: 'backend-updated', backendId: 'a' })
  })

  it('end for one who waits when it returns, breaks out, or the balancer closes, before or after', async () => {
    const { lb } = fleet(0)
    const waiting = lb.events()
    const next = waiting.next()
    await waiting.return!()
    expect(await next).toEqual({ done: true, value: undefined })
    const looping = (async () => {
      for await (const event of lb.events()) return event
      return undefined
    })()
    const other = lb.events().next()
    lb.add({ id: 'x', host: 'h', port: 1 })
    expect(await looping).toEqual({ type: 'backend-added', backendId: 'x' })
    expect((await other).value).toEqual({ type: 'backend-added', backendId: 'x' })
    const open = lb.events().next()
    await lb.close()
    expect(await open).toEqual({ done: true, value: undefined })
    expect(await lb.events().next()).toEqual({ done: true, value: undefined })
    expect(() => lb.events({ limit: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})
