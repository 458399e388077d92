import { expect, it } from 'vitest'
import { LeaseList } from '../../src/queue/lease-list.ts'
import type { QueueDelivery } from '../../src/queue/queue-delivery.ts'

function item(): QueueDelivery {
  return { previous: undefined, next: undefined } as QueueDelivery
}

it('keeps its order, whoever leaves or is renewed', () => {
  const list = new LeaseList()
  const [a, b, c] = [item(), item(), item()]
  for (const each of [a, b, c]) list.add(each)
  expect([...list]).toEqual([a, b, c])
  list.toEnd(a)
  list.toEnd(a)
  expect([...list]).toEqual([b, c, a])
  list.remove(c)
  list.remove(c)
  expect([...list]).toEqual([b, a])
  // Settled meanwhile: a renewal does not bring it back.
  list.toEnd(c)
  expect([...list]).toEqual([b, a])
  list.remove(b)
  list.remove(a)
  expect(list.first).toBeUndefined()
  list.add(c)
  expect([...list]).toEqual([c])
})
