import { describe, expect, it, vi } from 'vitest'
import type { Logger } from '../../src/index.ts'
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

  it('read as Prometheus text', () => {
    const text = busy().lb.metrics()
    const lines = text.split('\n')
    expect(lines).toContain('aether_lb_requests_total 12')
    const labels = 'backend="b0",zone="a \\"quoted\\" zone"'
    expect(lines).toContain(`aether_lb_backend_failed_total{${labels}} 2`)
    expect(lines).toContain(`aether_lb_backend_latency_seconds_bucket{${labels},le="0.005"} 0`)
    expect(lines).toContain(`aether_lb_backend_latency_seconds_bucket{${labels},le="+Inf"} 8`)
    expect(lines).toContain(`aether_lb_backend_latency_seconds_sum{${labels}} 0.08`)
    expect(text.endsWith('\n')).toBe(true)
    const sample = /^[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)+\})? \d+(\.\d+)?(e-?\d+)?$/
    for (const line of lines.filter((each) => each !== '' && !each.startsWith('#')))
      expect(line).toMatch(sample)
    for (const family of new Set(lines.map((line) => /^# TYPE (\S+)/.exec(line)?.[1]).filter(Boolean)))
      expect(lines.filter((line) => line.startsWith(`# TYPE ${family} `))).toHaveLength(1)
  })

  it('can do without histograms', () => {
    const { lb } = fleet(1, { metrics: false })
    lb.pick().done('ok', 10)
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({ ok: 1, meanMs: 0 })
    expect(lb.metrics()).not.toContain('latency_seconds')
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
    expect((await slow.next()).value).toEqual({ type: 'backend-added', backendId: 'b' })
    expect((await slow.next()).value).toEqual({ type: 'backend-added', backendId: 'c' })
  })
})

describe('the logger', () => {
  it('is told with fields what an operator should know', () => {
    const log = vi.fn<Logger['info']>()
    const logger: Logger = { debug: log, info: log, warn: log, error: log }
    const { lb } = fleet(1, { logger, breaker: { failureThreshold: 1 } })
    lb.pick().done('failed')
    expect(log).toHaveBeenCalledWith('breaker', { backendId: 'b0', to: 'open' })
  })
})
