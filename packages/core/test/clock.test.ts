import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { systemClock } from '../src/clock.ts'

const dayMs = 86_400_000

describe('systemClock', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('waits as long as it was told, also longer than timers of the machine go', () => {
    const fired = vi.fn<() => void>()
    systemClock.setTimer(fired, 60 * dayMs)
    vi.advanceTimersByTime(60 * dayMs - 1)
    expect(fired).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(fired).toHaveBeenCalledOnce()
  })

  it('cancels a long timer in any part of it', () => {
    const timer = systemClock.setTimer(() => {}, 60 * dayMs)
    vi.advanceTimersByTime(30 * dayMs)
    timer.cancel()
    expect(vi.getTimerCount()).toBe(0)
  })
})
