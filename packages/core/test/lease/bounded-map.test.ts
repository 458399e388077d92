import { expect, test } from 'vitest'

import { BoundedMap } from '../../src/lease/bounded-map.ts'
import { SteppedClock } from '../support/stepped-clock.ts'

test('remembers so many for so long', async () => {
  const clock = new SteppedClock()
  const map = new BoundedMap<number>({ clock, max: 2, ttlMs: 100 })
  map.set('a', 1)
  map.set('b', 2)
  map.set('a', 3)
  map.set('c', 4)
  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([3, undefined, 4])
  expect(map.size).toBe(2)
  await clock.advance(100)
  expect([map.get('a'), map.get('c'), map.size]).toEqual([undefined, undefined, 0])
})
