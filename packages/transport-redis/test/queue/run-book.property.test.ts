import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Lane } from '../../src/queue/lane.ts'
import { Run } from '../../src/queue/run.ts'
import { RunBook } from '../../src/queue/run-book.ts'

const route = { union: 'u', job: 'j', task: 't', context: 'x' }

it('holds what a plain list holds, however it is filled and emptied', () => {
  const steps = fc.array(fc.record({ lane: fc.nat(1), tid: fc.nat(200), adds: fc.boolean() }), {
    maxLength: 600,
  })
  fc.assert(
    fc.property(steps, (all) => {
      const lanes = [{ openRuns: 0 }, { openRuns: 0 }] as Lane[]
      const book = new RunBook()
      const plain = new Map<string, Run>()
      for (const { lane: index, tid: number, adds } of all) {
        const lane = lanes[index]
        if (lane === undefined) throw new Error('two lanes')
        const tid = `tid-${number}`
        const key = `${index}/${tid}`
        const known = plain.get(key)
        expect(book.find(lane, tid)).toBe(known)
        if (adds && known === undefined) {
          const run = new Run(lane, route, tid, undefined)
          book.add(run)
          plain.set(key, run)
        } else if (!adds && known !== undefined) {
          expect(book.remove(known)).toBe(true)
          expect(book.remove(known)).toBe(false)
          plain.delete(key)
        }
      }
      expect(book.size).toBe(plain.size)
      expect(new Set(book)).toEqual(new Set(plain.values()))
      expect(lanes.reduce((sum, { openRuns }) => sum + openRuns, 0)).toBe(plain.size)
    }),
  )
})
