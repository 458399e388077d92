import { expect, test } from 'vitest'

import { OfferWindow } from '../../src/lease/offer-window.ts'

test('lets out so many, the others in order as places become free', () => {
  const window = new OfferWindow<string>(2)
  expect(['a', 'b', 'c', 'd', 'a'].map((item) => window.enter(item))).toEqual([
    true,
    true,
    false,
    false,
    true,
  ])
  expect(window.leave('c')).toBeUndefined()
  expect(window.leave('a')).toBe('d')
  expect(window.leave('a')).toBeUndefined()
  expect(window.isEmpty).toBe(false)
  window.leave('b')
  window.leave('d')
  expect(window.isEmpty).toBe(true)
})
