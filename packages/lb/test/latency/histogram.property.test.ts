import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Histogram } from '../../src/latency/histogram.ts'

const latencies = fc.array(fc.double({ min: 0.001, max: 4_000_000, noNaN: true }), {
  minLength: 1,
  maxLength: 200,
})

describe('a histogram', () => {
  it('tells every quantile to a sixteenth, and never too low', () => {
    fc.assert(
      fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const histogram = new Histogram()
        for (const value of values) histogram.record(value)
        const sorted = [...values].sort((a, b) => a - b)
        const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!
        const told = histogram.quantile(q)
        expect(told).toBeGreaterThanOrEqual(exact * (1 - 1e-9))
        // A microsecond is the least that it tells apart.
        expect(told).toBeLessThanOrEqual(exact * (1 + 1 / 16) + 0.001)
        expect(histogram.countUpTo(4_294_967)).toBe(values.length)
      }),
    )
  })

  it('keeps its sums when odd values come: none is below nothing, and none endless', () => {
    const histogram = new Histogram()
    for (const value of [Number.NaN, -5, 0, Infinity, 1e300]) histogram.record(value)
    expect(histogram.count).toBe(5)
    expect(Number.isFinite(histogram.meanMs)).toBe(true)
    expect(histogram.quantile(0.5)).toBeLessThan(0.01)
    expect(Number.isFinite(histogram.quantile(1))).toBe(true)
  })

  it('counts further than 32 bits', () => {
    const histogram = new Histogram()
    histogram.record(1)
    for (let doubling = 0; doubling < 32; doubling++) histogram.add(histogram)
    histogram.record(1)
    histogram.record(1_000)
    expect(histogram.count).toBe(2 ** 32 + 2)
    expect(histogram.countUpTo(10)).toBe(2 ** 32 + 1)
    expect(histogram.quantile(0.5)).toBeLessThan(2)
    histogram.fade()
    expect(histogram.count).toBe(2 ** 31)
  })

  it('adds up, and fades by half', () => {
    const [first, second] = [new Histogram(), new Histogram()]
    for (let ms = 1; ms <= 100; ms++) (ms % 2 === 0 ? first : second).record(ms)
    first.add(second)
    expect([first.count, first.sumMs]).toEqual([100, 5_050])
    for (let ms = 1; ms <= 100; ms++) first.record(ms)
    first.fade()
    expect(first.count).toBeGreaterThan(80)
    expect(first.count).toBeLessThanOrEqual(100)
    expect(first.quantile(0.5)).toBeGreaterThan(40)
    expect(first.quantile(0.5)).toBeLessThan(60)
  })
})
