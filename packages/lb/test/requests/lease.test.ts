import { describe, expect, it } from 'vitest'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

describe('a lease', () => {
  it('with a time of its own comes back when that is over, and blames nobody', async () => {
    const { lb, clock } = fleet(1, { breaker: { failureThreshold: 1 } }, () => ({ maxConnections: 1 }))
    const forgotten = lb.pick({ timeoutMs: 500 })
    const waiting = lb.route({}, () => 'served')
    await clock.pass(499)
    expect(forgotten.isDone).toBe(false)
    await clock.pass(6)
    expect(forgotten.isDone).toBe(true)
    expect((await waiting).value).toBe('served')
    forgotten.done('failed')
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({
      active: 0,
      total: 2,
      ok: 1,
      failed: 0,
      cancelled: 1,
      breaker: 'closed',
    })
  })

  it('that comes back in time leaves no timer', async () => {
    const { lb, clock } = fleet(1)
    lb.pick({ timeoutMs: 500 }).done()
    const closing = lb.close()
    await clock.pass(0)
    await closing
    expect(clock.pending).toBe(0)
  })

  it('without one is held until it is given back, whatever happens', async () => {
    const { lb, clock } = fleet(1)
    const lease = lb.pick()
    await clock.pass(3_600_000)
    expect(lease.isDone).toBe(false)
    expect(lb.backends[0]!.active).toBe(1)
    lease.done()
    expect(lb.backends[0]!.active).toBe(0)
  })

  it('takes a latency that was measured elsewhere, and its own where that makes no sense', () => {
    const { lb, clock } = fleet(1)
    lb.pick().done('ok', 40)
    expect(lb.backends[0]!.expectedMs(clock.time)).toBe(40)
    for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY]) lb.pick().done('ok', wrong)
    expect(lb.backends[0]!.expectedMs(clock.time)).toBe(40)
    expect(lb.getLoadDistribution().backends['b0']!.meanMs).toBeCloseTo(10)
  })

  it('given back with what is no outcome says nothing of its backend', () => {
    const { lb } = fleet(1, { breaker: { failureThreshold: 1 }, outlier: { consecutiveFailures: 1 } })
    for (const wrong of ['success', null, false, 0]) lb.pick().done(wrong as unknown as 'ok')
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({
      active: 0,
      failed: 0,
      cancelled: 4,
      breaker: 'closed',
    })
  })

  it('is given back at the end of its block by `using`, also when that throws', () => {
    const { lb } = fleet(1)
    const use = (fails: boolean): void => {
      using lease = lb.pick()
      if (fails) throw new Error('oops')
      lease.done('ok')
    }
    use(false)
    expect(() => use(true)).toThrow('oops')
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({ active: 0, ok: 1, cancelled: 1 })
  })

  it('that comes back wakes whoever waits for its slot', async () => {
    const { lb } = fleet(2, {}, () => ({ maxConnections: 1 }))
    const leases = [lb.pick(), lb.pick()]
    const waiting = lb.route({}, ({ backend }) => backend.id)
    await settle()
    leases[1]!.done()
    expect((await waiting).backendId).toBe(leases[1]!.backend.id)
    leases[0]!.done()
  })
})
