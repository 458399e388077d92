import { describe, expect, it } from 'vitest'

import { exponential, fixed } from '../../src/define/backoff.ts'

const code = expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error

describe('exponential', () => {
  it('doubles up to its limit', () => {
    const backoff = exponential(100, { maxMs: 1_000, jitter: 0 })
    expect([1, 2, 3, 4, 5, 50].map((attempt) => backoff(attempt, () => 0.9))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ])
  })

  it('takes off a random share', () => {
    const backoff = exponential(1_000, { jitter: 0.5 })
    expect(backoff(1, () => 0)).toBe(1_000)
    expect(backoff(1, () => 0.5)).toBe(750)
    expect(exponential(1_000, { jitter: 1 })(1, () => 0.25)).toBe(750)
  })

  it.each([
    [-1, {}],
    [Number.NaN, {}],
    [1, { jitter: 2 }],
    [1, { maxMs: -1 }],
    [1, { maxMs: Infinity }],
  ])('refuses %s with %o', (baseMs, options) => {
    expect(() => exponential(baseMs, options)).toThrowError(code)
  })
})

describe('fixed', () => {
  it('is always the same', () => {
    expect([1, 7].map((attempt) => fixed(250)(attempt, () => 0.3))).toEqual([250, 250])
  })

  it('refuses what is no time', () => {
    expect(() => fixed(-5)).toThrowError(code)
  })
})
