import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { Wheel, type WheelEntry } from '../../src/app/wheel.ts'
import { HandClock } from '../support/hand-clock.ts'

class Entry implements WheelEntry<Entry> {
  wheelNext: Entry | undefined = undefined
  wheelPrevious: Entry | undefined = undefined
  wheelDueMs = 0
  wheelBucket = -1
  readonly id: number

  constructor(id: number) {
    this.id = id
  }
}

describe('Wheel', () => {
  it('calls an entry when it is due: never early, at most a tick late', async () => {
    const clock = new HandClock()
    const due: number[] = []
    const wheel = new Wheel<Entry>(clock, () => due.push(clock.monotonic()), { tickMs: 20 })
    wheel.add(new Entry(1), 50, 0)
    await clock.advance(49)
    expect(due).toEqual([])
    await clock.advance(20)
    expect(due).toEqual([60])
  })

  it('has no timer while it is empty', async () => {
    const clock = new HandClock()
    const wheel = new Wheel<Entry>(clock, () => {})
    const entry = new Entry(1)
    expect(clock.pending).toBe(0)
    wheel.add(entry, 1_000, 0)
    expect(clock.pending).toBe(1)
    wheel.remove(entry)
    await clock.advance(20)
    expect(clock.pending).toBe(0)
  })

  it('holds entries that lie further away than one turn', async () => {
    const clock = new HandClock()
    const due: number[] = []
    const wheel = new Wheel<Entry>(clock, () => due.push(clock.monotonic()), { tickMs: 10, buckets: 4 })
    wheel.add(new Entry(1), 205, 0)
    await clock.advance(200)
    expect(due).toEqual([])
    await clock.advance(10)
    expect(due).toEqual([210])
  })

  it('lets an entry be added again while it is due', async () => {
    const clock = new HandClock()
    const due: number[] = []
    const wheel: Wheel<Entry> = new Wheel<Entry>(clock, (entry, nowMs) => {
      due.push(nowMs)
      if (due.length < 3) wheel.add(entry, nowMs + 100, nowMs)
    })
    wheel.add(new Entry(1), 100, 0)
    await clock.advance(1_000)
    expect(due).toEqual([100, 200, 300])
    expect(wheel.size).toBe(0)
  })

  it('calls each entry once at its time, whatever is added, moved and removed before (property)', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('add' as const),
        id: fc.nat(9),
        inMs: fc.integer({ min: -50, max: 2_000 }),
      }),
      fc.record({ kind: fc.constant('remove' as const), id: fc.nat(9) }),
      fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(300) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new HandClock()
        const entries = Array.from({ length: 10 }, (_, id) => new Entry(id))
        /** What the wheel should hold: id to due time. */
        const expected = new Map<number, number>()
        const wheel = new Wheel<Entry>(
          clock,
          (entry, nowMs) => {
            const dueMs = expected.get(entry.id)
            expect(dueMs).toBeDefined()
            expect(nowMs).toBeGreaterThanOrEqual(dueMs ?? Infinity)
            expected.delete(entry.id)
          },
          { tickMs: 10, buckets: 8 },
        )
        for (const each of steps) {
          if (each.kind === 'advance') await clock.advance(each.ms)
          else {
            const entry = entries[each.id]
            if (entry === undefined) continue
            if (each.kind === 'remove') {
              wheel.remove(entry)
              expected.delete(each.id)
            } else {
              wheel.add(entry, clock.monotonic() + each.inMs, clock.monotonic())
              expected.set(each.id, clock.monotonic() + each.inMs)
            }
          }
          // Nothing is later than two ticks: one of its own, one of the timer that may have been armed within a tick.
          for (const dueMs of expected.values())
            expect(clock.monotonic() - dueMs).toBeLessThanOrEqual(50 + 20)
          expect(wheel.size).toBe(expected.size)
        }
        await clock.advance(3_000)
        expect(expected.size).toBe(0)
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 60 },
    )
  })
})
