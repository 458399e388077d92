import { describe, expect, it, vi } from 'vitest'
import type { HedgeOptions } from '../../src/index.ts'
import { Histogram } from '../../src/latency/histogram.ts'
import { fleet } from '../support/fleet.ts'

const never = <T>(): Promise<T> => new Promise<T>(() => {})

describe('what attempts teach', () => {
  it('is that fewer at a time are good when everything stalls', async () => {
    const { lb, clock } = fleet(4, {
      concurrency: { min: 5, max: 100, initial: 50 },
      attemptTimeoutMs: 200,
      breaker: false,
    })
    const limit = (): number => lb.getLoadDistribution().concurrencyLimit!
    const send = (call: () => unknown): void => void lb.route({}, call).catch(() => {})
    for (let n = 0; n < 60; n++) send(() => new Promise<void>((resolve) => clock.setTimer(resolve, 10)))
    await clock.pass(100)
    const before = limit()
    for (let round = 0; round < 10; round++) {
      for (let n = 0; n < 50; n++) send(() => never())
      await clock.pass(300)
    }
    expect(before).toBeGreaterThanOrEqual(50)
    expect(limit()).toBeLessThan(before / 2)
  })

  it('is when to hedge, worked out now and then, and for those who hedge alone', async () => {
    const quantiles = vi.spyOn(Histogram.prototype, 'quantile')
    const records = vi.spyOn(Histogram.prototype, 'record')
    const send = async (hedge?: HedgeOptions): Promise<[number, number]> => {
      const { lb } = fleet(2, { metrics: false, ...(hedge && { hedge }) })
      quantiles.mockClear()
      records.mockClear()
      for (let n = 0; n < 2_000; n++) await lb.route({ idempotent: true }, () => 'done')
      return [quantiles.mock.calls.length, records.mock.calls.length]
    }
    expect(await send()).toEqual([0, 0])
    const [asked, recorded] = await send({})
    expect(recorded).toBe(2_000)
    expect(asked).toBeGreaterThan(50)
    expect(asked).toBeLessThan(250)
    vi.restoreAllMocks()
  })

  it('is that a backend that fails at once is not quick', async () => {
    const { lb, clock } = fleet(1, { failurePenaltyMs: 700 })
    await lb.route({}, () => Promise.reject(new Error('no'))).catch(() => {})
    expect(lb.backends[0]!.expectedMs(clock.time)).toBe(700)
  })

  it('is that one that was given up took at least that long, and nothing where it was quicker than usual', () => {
    const { lb, clock } = fleet(1)
    lb.pick().done('ok', 100)
    lb.pick().done('cancelled', 20)
    expect(lb.backends[0]!.expectedMs(clock.time)).toBe(100)
    lb.pick().done('cancelled', 300)
    expect(lb.backends[0]!.expectedMs(clock.time)).toBe(300)
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({ ok: 1, failed: 0, cancelled: 2 })
  })
})
