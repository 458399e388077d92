import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { CheckGate } from '../../src/health/check-gate.ts'
import { settle } from '../support/manual-clock.ts'

const step = fc.record({ kind: fc.constantFrom('enter', 'enter', 'leave', 'abort'), which: fc.nat(20) })

it('lets in as many as it may, the others in the order in which they came, and nobody who has gone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 60 }),
      async (limit, steps) => {
        const gate = new CheckGate(limit)
        const inside: number[] = []
        const gone: number[] = []
        const aborted: number[] = []
        const queue: { readonly id: number; readonly stop: AbortController }[] = []
        const expected: number[] = []
        for (const [id, { kind, which }] of steps.entries()) {
          if (kind === 'enter') {
            expect(gate.tryEnter()).toBe(expected.length < limit)
            if (expected.length < limit) {
              expected.push(id)
              inside.push(id)
            } else {
              const stop = new AbortController()
              queue.push({ id, stop })
              void gate.wait(stop.signal).then(
                () => inside.push(id),
                () => gone.push(id),
              )
            }
          } else if (kind === 'leave' && expected.length > 0) {
            const [left] = expected.splice(which % expected.length, 1)
            inside.splice(inside.indexOf(left!), 1)
            gate.leave()
            const next = queue.shift()
            if (next !== undefined) {
              expected.push(next.id)
              // Too late: it has its place, and is to leave it.
              expect(getEventListeners(next.stop.signal, 'abort')).toEqual([])
              next.stop.abort()
            }
          } else if (kind === 'abort' && queue.length > 0) {
            const [left] = queue.splice(which % queue.length, 1)
            left!.stop.abort()
            aborted.push(left!.id)
          }
          await settle()
          expect(inside.toSorted((a, b) => a - b)).toEqual(expected.toSorted((a, b) => a - b))
          expect(gone).toEqual(aborted)
        }
      },
    ),
    { numRuns: 200 },
  )
})
