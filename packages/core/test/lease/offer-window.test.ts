import { expect, test } from 'vitest'

import { OfferWindow } from '../../src/lease/offer-window.ts'
import type { Linked } from '../../src/table/linked-list.ts'

interface Item extends Linked<Item> {
  readonly name: string
}

const itemOf = (name: string): Item => ({ name, list: undefined, older: undefined, newer: undefined })

test('lets out so many, the others in order as places become free', () => {
  const window = new OfferWindow<Item>(2)
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(itemOf) as [Item, Item, Item, Item]
  expect([a, b, c, d, a].map((item) => window.enter(item))).toEqual([true, true, false, false, true])
  expect(window.leave(c)).toBeUndefined()
  expect(window.leave(a)).toBe(d)
  expect(window.leave(a)).toBeUndefined()
  expect(window.isEmpty).toBe(false)
  window.leave(b)
  window.leave(d)
  expect(window.isEmpty).toBe(true)
})
