import { createManualClock } from '@aether/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type TickEntry, TickWheel } from '../../src/pubsub/tick-wheel.ts'

interface Entry extends TickEntry {
  readonly addedAtMs: number
  readonly dueAtMs: number
}

type Step = { readonly add: number } | { readonly remove: number } | { readonly pass: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ add: fc.integer({ min: -50, max: 90_000 }) }),
  fc.record({ remove: fc.nat(30) }),
  fc.record({ pass: fc.oneof(fc.nat(200), fc.nat(100_000)) }),
)

it('tells of each entry once, never early and at most a tick and a timer late, and leaves no timer', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = createManualClock()
      const due: [Entry, number][] = []
      const wheel = new TickWheel<Entry>(clock, (entry) => due.push([entry, clock.monotonic()]))
      const standing: Entry[] = []
      const removed = new Set<Entry>()
      for (const each of steps) {
        if ('add' in each) {
          const addedAtMs = clock.monotonic()
          const entry = { dueTick: 0, addedAtMs, dueAtMs: addedAtMs + each.add }
          wheel.add(entry, each.add)
          standing.push(entry)
        } else if ('remove' in each) {
          const entry = standing[each.remove]
          if (entry !== undefined && !due.some(([known]) => known === entry)) {
            wheel.remove(entry)
            removed.add(entry)
          }
        } else clock.advance(each.pass)
      }
      clock.advance(200_000)
      expect(new Set(due.map(([entry]) => entry)).size).toBe(due.length)
      for (const entry of standing) expect(due.some(([known]) => known === entry)).toBe(!removed.has(entry))
      for (const [entry, atMs] of due) {
        expect(atMs).toBeGreaterThanOrEqual(entry.dueAtMs)
        expect(atMs - Math.max(entry.dueAtMs, entry.addedAtMs)).toBeLessThanOrEqual(40)
        expect(entry.dueTick).toBe(0)
      }
      expect(clock.pending).toBe(0)
    }),
  )
})
