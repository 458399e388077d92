import { describe, expect, it } from 'vitest'

import { createManualClock } from '../src/index.ts'

describe('createManualClock', () => {
  it('stands still until told to go on', () => {
    const clock = createManualClock(5_000)
    expect([clock.now(), clock.monotonic()]).toEqual([5_000, 0])
    clock.advance(10)
    expect([clock.now(), clock.monotonic()]).toEqual([5_010, 10])
  })

  it('fires in order of time, at that time, and what is set meanwhile too', () => {
    const clock = createManualClock()
    const seen: string[] = []
    const note = (what: string) => (): void => void seen.push(`${what}@${String(clock.monotonic())}`)
    clock.setTimer(note('late'), 30)
    clock.setTimer(() => {
      note('early')()
      clock.setTimer(note('chained'), 5)
    }, 10)
    clock.setTimer(note('tie'), 30)
    clock.advance(29)
    expect(seen).toEqual(['early@10', 'chained@15'])
    clock.advance(1)
    expect(seen).toEqual(['early@10', 'chained@15', 'late@30', 'tie@30'])
    expect(clock.pending).toBe(0)
  })

  it('does not fire what was cancelled', () => {
    const clock = createManualClock()
    const timer = clock.setTimer(() => expect.unreachable(), 5)
    timer.cancel()
    clock.advance(10)
    expect(clock.pending).toBe(0)
  })

  it('lets the wall clock jump without letting time pass', () => {
    const clock = createManualClock(1_000)
    let fired = 0
    clock.setTimer(() => (fired += 1), 10)
    clock.setNow(999_999)
    expect([clock.now(), clock.monotonic(), fired]).toEqual([999_999, 0, 0])
  })

  it('lets promises go on between two timers', async () => {
    const clock = createManualClock()
    const seen: number[] = []
    const sleeper = (async () => {
      for (const delayMs of [10, 10, 10]) {
        await new Promise<void>((resolve) => clock.setTimer(resolve, delayMs))
        seen.push(clock.monotonic())
      }
    })()
    await clock.advanceAsync(30)
    await sleeper
    expect(seen).toEqual([10, 20, 30])
  })
})
