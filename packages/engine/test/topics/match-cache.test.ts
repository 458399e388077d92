import { expect, test } from 'vitest'

import { MatchCache } from '../../src/topics/match-cache.ts'

test('what is asked for stays, what is not goes, and the size is bounded', () => {
  const cache = new MatchCache<number>(10)
  cache.set('hot', -1)
  for (let i = 0; i < 1_000; i++) {
    cache.set(`cold${i}`, i)
    expect(cache.get('hot')).toBe(-1)
    expect(cache.size).toBeLessThanOrEqual(10)
  }
  expect(cache.get('cold1')).toBeUndefined()
  expect(cache.get('cold999')).toBe(999)
  cache.clear()
  expect(cache.size).toBe(0)
  expect(cache.get('hot')).toBeUndefined()
})

test('a size of 0 remembers nothing', () => {
  const cache = new MatchCache<number>(0)
  cache.set('a', 1)
  expect(cache.get('a')).toBeUndefined()
})
