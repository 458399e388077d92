import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SlotTable } from '../src/slot-table.ts'

it('SlotTable gives ids that are in use once, never 0, and are not found when they are old', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(50)), { maxLength: 300 }), (steps) => {
      const table = new SlotTable<object>()
      const live = new Map<number, object>()
      const old = new Set<number>()
      for (const step of steps) {
        if (step === null || live.size === 0) {
          const value = {}
          const id = table.add(value)
          expect(id).toBeGreaterThan(0)
          expect(id).toBeLessThanOrEqual(0xffff_ffff)
          expect(live.has(id)).toBe(false)
          live.set(id, value)
          old.delete(id)
        } else {
          const [id, value] = [...live][step % live.size]!
          expect(table.remove(id)).toBe(value)
          expect(table.remove(id)).toBeUndefined()
          live.delete(id)
          old.add(id)
        }
      }
      for (const [id, value] of live) expect(table.get(id)).toBe(value)
      for (const id of old) expect(table.get(id)).toBeUndefined()
      expect(new Map(table.entries())).toEqual(live)
      expect(table.size).toBe(live.size)
    }),
  )
})
