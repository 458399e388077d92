import fc from 'fast-check'
import { expect, test } from 'vitest'

import { TimerNode, TimingWheel } from '../src/index.ts'

class Numbered extends TimerNode {
  readonly due: number

  constructor(due: number) {
    super()
    this.due = due
  }
}

const gap = fc.oneof(
  fc.integer({ min: 0, max: 50 }),
  fc.integer({ min: 0, max: 5_000 }),
  fc.integer({ min: 0, max: 2_000_000 }),
  fc.integer({ min: 0, max: 40_000_000_000 }),
)
const steps = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('schedule' as const), ms: gap }),
    fc.record({ type: fc.constant('cancel' as const), ms: fc.nat({ max: 100 }) }),
    fc.record({ type: fc.constant('advance' as const), ms: gap }),
    fc.record({ type: fc.constant('next' as const), ms: fc.constant(0) }),
  ),
  { maxLength: 80 },
)

test('any schedule, cancel and advance: each fires once, never early, by the first advance past its slot', () => {
  fc.assert(
    fc.property(steps, fc.oneof(fc.nat(), fc.constant(2 ** 40)), (list, startAt) => {
      let now = startAt
      const wheel = new TimingWheel<Numbered>(now)
      let filed: Numbered[] = []
      let last = 0
      const sink = {
        due(node: Numbered) {
          expect(node.due).toBeLessThanOrEqual(now)
          expect(Math.ceil(node.due / 8)).toBeGreaterThanOrEqual(last)
          last = Math.ceil(node.due / 8)
          expect(filed).toContain(node)
          filed = filed.filter((other) => other !== node)
        },
      }
      for (const { type, ms } of list) {
        if (type === 'schedule') {
          // One that is due at once fires with the next slot.
          const node = new Numbered(now + 8 + ms)
          filed.push(node)
          wheel.schedule(node, node.due)
        } else if (type === 'cancel') {
          const node = filed[ms]
          if (node !== undefined) wheel.cancel(node)
          filed = filed.filter((other) => other !== node)
        } else {
          if (type === 'advance') now += ms
          else if (wheel.nextAt() !== Infinity) now = Math.max(now, wheel.nextAt())
          last = 0
          wheel.advance(now, sink)
          for (const node of filed) expect(Math.ceil(node.due / 8) * 8).toBeGreaterThan(now)
        }
        expect(wheel.size).toBe(filed.length)
        const next = Math.min(...filed.map((node) => Math.ceil(node.due / 8) * 8))
        expect(wheel.nextAt()).toBeLessThanOrEqual(next)
        expect(wheel.nextAt() === Infinity).toBe(filed.length === 0)
        if (filed.length > 0) expect(wheel.nextAt()).toBeGreaterThan(now - 8)
      }
    }),
    { numRuns: 200 },
  )
})
