import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { type TidEntry, TidTable } from '../../src/table/tid-table.ts'

class Entry implements TidEntry<Entry> {
  tableHash = 0
  tableNext: Entry | undefined = undefined
  readonly key: string

  constructor(key: string) {
    this.key = key
  }
}

describe('TidTable', () => {
  it('finds what was added, and not what was deleted', () => {
    const table = new TidTable<Entry>()
    const one = new Entry('one')
    table.add(one)
    expect(table.get('one')).toBe(one)
    expect(table.delete(one)).toBe(true)
    expect(table.delete(one)).toBe(false)
    expect(table.get('one')).toBeUndefined()
    expect(one.tableNext).toBeUndefined()
  })

  it('says that what never stood in it does not, though others share its bucket', () => {
    const table = new TidTable<Entry>()
    for (let n = 0; n < 500; n++) table.add(new Entry(`k${n}`))
    expect(table.delete(new Entry('k1'))).toBe(false)
    expect(table.size).toBe(500)
  })

  it('agrees with a list, newest of a key first, however it grows', () => {
    const command = fc.record({ add: fc.boolean(), key: fc.nat({ max: 120 }).map((n) => `task-${n}`) })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 600 }), (commands) => {
        const table = new TidTable<Entry>()
        let model: Entry[] = []
        for (const { add, key } of commands) {
          const known = model.filter((entry) => entry.key === key)
          if (add || known.length === 0) {
            const entry = new Entry(key)
            table.add(entry)
            model = [entry, ...model]
          } else {
            const gone = known.at(-1)
            if (gone !== undefined) table.delete(gone)
            model = model.filter((entry) => entry !== gone)
          }
          const found: Entry[] = []
          for (let entry = table.get(key); entry !== undefined; entry = table.olderThan(entry))
            found.push(entry)
          expect(found).toEqual(model.filter((entry) => entry.key === key))
          expect(table.size).toBe(model.length)
        }
        expect(new Set(table.entries())).toEqual(new Set(model))
        table.clear()
        expect(table.entries()).toEqual([])
      }),
    )
  })
})
