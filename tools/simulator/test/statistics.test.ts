import { describe, expect, it } from 'vitest'
import { confidence, prediction, quantile, spreadOf } from '../src/statistics.ts'

describe('quantile', () => {
  it('lies between the two nearest ranks', () => {
    expect(quantile([1, 2, 3, 4, 5], 0.5)).toBe(3)
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5)
    expect(quantile([1, 2], 1)).toBe(2)
    expect(quantile([], 0.5)).toBeNaN()
  })
})

describe('the spread of several runs', () => {
  it('gives intervals by Student', () => {
    const spread = spreadOf([1, 2, 3, 4, 5])
    expect(spread).toEqual({ count: 5, mean: 3, deviation: Math.sqrt(2.5) })
    expect(confidence(spread)).toBeCloseTo(1.963, 3)
    expect(prediction(spread)).toBeCloseTo(4.604 * Math.sqrt(2.5) * Math.sqrt(1.2), 6)
  })

  it('of a single run has none', () => {
    expect(confidence(spreadOf([7]))).toBe(0)
  })
})
