import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type IdEntry, IdTable } from '../../src/tasks/id-table.ts'

class Entry implements IdEntry<Entry> {
  idNext: Entry | undefined
  readonly id: number

  constructor(id: number) {
    this.id = id
  }
}

const ids = fc.oneof(fc.nat(300), fc.maxSafeNat())

it('IdTable finds the newest of each id, and removes exactly what it is told', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), ids), { maxLength: 400 }), (steps) => {
      const table = new IdTable<Entry>()
      let live: Entry[] = []
      for (const [isAdd, number] of steps) {
        if (isAdd || live.length === 0) {
          const entry = new Entry(number)
          table.add(entry)
          live.push(entry)
        } else {
          const gone = live[number % live.length]!
          expect(table.delete(gone)).toBe(true)
          expect(table.delete(gone)).toBe(false)
          expect(gone.idNext).toBeUndefined()
          live = live.filter((entry) => entry !== gone)
        }
        expect(table.size).toBe(live.length)
      }
      for (const { id } of live) expect(table.get(id)).toBe(live.findLast((entry) => entry.id === id))
      for (const [, number] of steps)
        if (!live.some(({ id }) => id === number)) expect(table.get(number)).toBeUndefined()
      expect(new Set(table.takeAll())).toEqual(new Set(live))
      expect(table.size).toBe(0)
      for (const entry of live) {
        expect(entry.idNext).toBeUndefined()
        expect(table.get(entry.id)).toBeUndefined()
      }
    }),
  )
})
