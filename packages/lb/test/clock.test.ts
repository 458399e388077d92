import { describe, expect, it } from 'vitest'
import { steady, systemClock } from '../src/clock.ts'
import { type Clock, createBalancer, type Lease } from '../src/index.ts'
import { fleet } from './support/fleet.ts'
import { ManualClock } from './support/manual-clock.ts'

/** A clock that shows what it is told. */
function shown(times: readonly number[]): Clock {
  let index = 0
  return {
    now: () => 0,
    monotonic: () => times[Math.min(index++, times.length - 1)]!,
    setTimer: () => ({ cancel() {} }),
  }
}

const seen = (...times: number[]): number[] => {
  const clock = steady(shown(times))
  return times.map(() => clock.monotonic())
}

describe('a clock that goes backwards', () => {
  it('is waited for where it went back by little', () => {
    expect(seen(100, 99.5, 100, 100.5, 50, 120)).toEqual([100, 100, 100, 100.5, 100.5, 120])
  })

  it('goes on at its pace from the latest time where it went back by much', () => {
    expect(seen(10_000, 10, 20, 1_010, 900, 1_020)).toEqual([10_000, 10_000, 10_010, 11_000, 11_000, 11_010])
  })

  it('may do so again and again, and jump forwards', () => {
    expect(seen(5_000, 0, 100, 9_000, 0, 50)).toEqual([5_000, 5_000, 5_100, 14_000, 14_000, 14_050])
    expect(seen(0, 1e9, 1e9 + 1)).toEqual([0, 1e9, 1e9 + 1])
  })

  it('that shows what is no time is waited for', () => {
    expect(seen(5, Number.NaN, 6)).toEqual([5, 5, 6])
  })
})

describe('a balancer whose clock goes back by an hour', () => {
  class Jumping extends ManualClock {
    shift = 0
    wallShift = 0

    override now(): number {
      return super.now() + this.wallShift
    }

    override monotonic(): number {
      return super.monotonic() + this.shift
    }
  }

  it('goes on: limits refill, sessions and ejections end, checks are made, latencies are not below 0', async () => {
    const clock = new Jumping(10_000_000)
    const { lb } = fleet(2, {
      clock,
      rateLimit: { requestsPerSecond: 10, burst: 1 },
      affinity: { by: 'session', ttlMs: 2_000 },
      outlier: { consecutiveFailures: 1, baseEjectionMs: 3_000, sweepMs: 1_000, jitterMs: 0 },
      slowStart: { windowMs: 5_000 },
      breaker: false,
      panicThreshold: 0,
      healthCheck: { probe: () => true, jitter: 0 },
    })
    lb.start()
    await clock.pass(1)
    const held: Lease = lb.pick({ sessionId: 's' })
    await clock.pass(100)
    lb.pick({ exclude: [held.backend] }).done('failed')
    clock.shift = -3_600_000
    clock.wallShift = -7_200_000
    await clock.pass(200)
    held.done()
    for (let n = 0; n < 20; n++) {
      await clock.pass(100)
      lb.pick().done()
    }
    await clock.pass(10_000)
    expect(lb.backends.map(({ isEjected, effectiveWeight }) => [isEjected, effectiveWeight])).toEqual([
      [false, 1],
      [false, 1],
    ])
    for (const { expectedMs } of lb.backends.map((each) => ({ expectedMs: each.expectedMs(clock.time) })))
      expect(expectedMs).toBeGreaterThanOrEqual(0)
    expect(await lb.drain(held.backend.id)).toEqual({ active: 0, sessions: 0 })
    const { responseTimeMs, checkedAt } = await lb.checkHealth(held.backend.id)
    expect(responseTimeMs).toBe(0)
    expect(checkedAt).toBe(clock.now())
    await lb.close()
    expect(clock.pending).toBe(0)
  })
})

describe('the clock of the system', () => {
  it('waits for what is longer than a timer can wait, and does not fire at once', async () => {
    let isFired = false
    const timer = systemClock.setTimer(() => (isFired = true), 2 ** 40)
    await new Promise((resolve) => setTimeout(resolve, 20))
    timer.cancel()
    expect(isFired).toBe(false)
  })

  it('never keeps the process: neither checks nor sweeps nor warming hold it', () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
    const before = timers()
    const lb = createBalancer({
      healthCheck: { probe: () => true },
      outlier: {},
      slowStart: { windowMs: 1_000 },
      affinity: { by: 'session' },
    })
    lb.start()
    lb.add({ host: 'h', port: 1 })
    lb.choose()
    expect(timers()).toBe(before)
    void lb.close()
  })
})
