import fc from 'fast-check'
import { expect, test } from 'vitest'

import { LinkedList, type Linked } from '../../src/table/linked-list.ts'

interface Item extends Linked<Item> {
  readonly name: number
}

const step = fc.record({
  kind: fc.constantFrom('add' as const, 'delete' as const),
  list: fc.nat(1),
  item: fc.nat(5),
})

test('holds what sets would, each item in one of them', () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const items = Array.from({ length: 6 }, (_, name): Item => ({
        name,
        list: undefined,
        older: undefined,
        newer: undefined,
      }))
      const lists = [new LinkedList<Item>(), new LinkedList<Item>()] as const
      const sets = [new Set<Item>(), new Set<Item>()] as const
      for (const { kind, list, item } of steps) {
        const [taken, index] = [items[item]!, list as 0 | 1]
        if (kind === 'add') {
          sets[index === 0 ? 1 : 0].delete(taken)
          sets[index].add(taken)
          lists[index].add(taken)
        } else {
          expect(lists[index].delete(taken)).toBe(sets[index].delete(taken))
        }
        for (const at of [0, 1] as const) {
          expect(lists[at].items().map(({ name }) => name)).toEqual([...sets[at]].map(({ name }) => name))
          expect(lists[at].size).toBe(sets[at].size)
          expect(lists[at].oldest).toBe([...sets[at]][0])
          expect(items.map((each) => lists[at].has(each))).toEqual(items.map((each) => sets[at].has(each)))
        }
      }
      lists[0].clear()
      expect(lists[0].items()).toEqual([])
    }),
  )
})
