import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Due, TimerWheel } from '../../src/requests/timer-wheel.ts'
import { ManualClock } from '../support/manual-clock.ts'

class Alarm implements Due {
  dueBefore: Due | undefined = undefined
  dueAfter: Due | undefined = undefined
  dueTick = -1
  firedAt: number | undefined = undefined
  readonly onDue: () => void

  constructor(clock: ManualClock, then: () => void = () => {}) {
    this.onDue = () => {
      this.firedAt = clock.time
      then()
    }
  }
}

const tickMs = 5

describe('the wheel', () => {
  it('fires everything that was not cancelled, never early and at most a tick late', () => {
    const step = fc.record({
      delayMs: fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 40_000 })),
      waitMs: fc.integer({ min: 0, max: 500 }),
      isCancelled: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const clock = new ManualClock(12_345.6)
        const wheel = new TimerWheel(clock, tickMs)
        const planned: { readonly alarm: Alarm; readonly dueAt: number; readonly isCancelled: boolean }[] = []
        for (const { delayMs, waitMs, isCancelled } of steps) {
          const alarm = new Alarm(clock)
          const dueAt = clock.time + delayMs
          wheel.add(alarm, delayMs)
          clock.advance(waitMs)
          const isInTime = isCancelled && alarm.firedAt === undefined
          if (isInTime) wheel.cancel(alarm)
          planned.push({ alarm, dueAt, isCancelled: isInTime })
        }
        clock.advance(60_000)
        for (const { alarm, dueAt, isCancelled } of planned) {
          if (isCancelled) {
            expect(alarm.firedAt).toBeUndefined()
            continue
          }
          expect(alarm.firedAt).toBeGreaterThanOrEqual(dueAt)
          expect(alarm.firedAt).toBeLessThanOrEqual(dueAt + 2 * tickMs)
        }
        expect(wheel.pending).toBe(0)
        expect(clock.pending).toBe(0)
      }),
    )
  })

  it('forgets nobody when one that fires adds one that is later than the others', () => {
    const clock = new ManualClock(0)
    const wheel = new TimerWheel(clock, tickMs)
    const late = new Alarm(clock)
    const soon = new Alarm(clock)
    wheel.add(new Alarm(clock, () => wheel.add(late, 10_000)), 100)
    wheel.add(soon, 150)
    clock.advance(200)
    expect(soon.firedAt).toBeLessThanOrEqual(160)
    clock.advance(20_000)
    expect(late.firedAt).toBeLessThanOrEqual(10_120)
  })

  it('cancels what never was added, and lists what waits', () => {
    const clock = new ManualClock()
    const wheel = new TimerWheel(clock)
    const [first, second] = [new Alarm(clock), new Alarm(clock)]
    wheel.cancel(first)
    wheel.add(first, 10)
    wheel.add(second, 10)
    expect(new Set(wheel.entries())).toEqual(new Set([first, second]))
    wheel.cancel(first)
    wheel.cancel(first)
    expect(wheel.entries()).toEqual([second])
    wheel.close()
    expect(clock.pending).toBe(0)
  })
})
