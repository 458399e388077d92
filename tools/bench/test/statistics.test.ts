import { expect, it } from 'vitest'
import { quantile, summarize } from '../src/statistics.ts'

it('takes the median between the two middle values', () => {
  expect(summarize([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 })
})

it('interpolates quantiles between ranks', () => {
  expect(quantile([0, 10], 0.99)).toBeCloseTo(9.9)
  expect(quantile([7], 0.5)).toBe(7)
})

it('refuses to summarize nothing', () => {
  expect(() => summarize([])).toThrow(RangeError)
})
