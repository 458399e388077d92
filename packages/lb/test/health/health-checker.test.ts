import { describe, expect, it } from 'vitest'
import type { HealthCheckOptions, Probe } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'

function checked(probe: Probe, options: Partial<HealthCheckOptions> = {}) {
  const made = fleet(1, { healthCheck: { probe, jitter: 0, ...options } })
  made.lb.start()
  return { ...made, backend: made.lb.backends[0]! }
}

describe('health checks', () => {
  it('begin at once and go on, one an interval', async () => {
    let checks = 0
    const { lb, clock, backend } = checked(() => {
      checks++
    })
    await clock.pass(1)
    expect([checks, backend.health]).toEqual([1, 'healthy'])
    await clock.pass(25_000)
    expect(checks).toBe(6)
    await lb.close()
    await clock.pass(25_000)
    expect(checks).toBe(6)
    expect(clock.pending).toBe(0)
  })

  it('vary by their jitter', async () => {
    const at: number[] = []
    const { lb, clock } = fleet(1, { healthCheck: { probe: () => void at.push(clock.time), jitter: 0.2 } })
    lb.start()
    await clock.pass(200_000)
    const gaps = at.slice(1).map((time, index) => time - at[index]!)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(4_000)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(6_000)
    expect(new Set(gaps.map((gap) => Math.round(gap))).size).toBeGreaterThan(20)
    await lb.close()
  })

  it('take three failures for unhealthy, degraded on the way, and two successes for healthy', async () => {
    let answer: boolean = true
    const { lb, clock, backend } = checked(() => answer)
    const states: string[] = []
    const next = async (ok: boolean): Promise<void> => {
      answer = ok
      await clock.pass(5_000)
      states.push(backend.health)
    }
    await clock.pass(1)
    for (const ok of [true, false, false, false, true, true]) await next(ok)
    expect(states).toEqual(['healthy', 'healthy', 'degraded', 'unhealthy', 'unhealthy', 'healthy'])
    expect(await lb.checkHealth('b0')).toMatchObject({ status: 'healthy', consecutiveSuccesses: 3 })
    await lb.close()
  })

  it('let one failed check pass', async () => {
    let checks = 0
    const { lb, clock, backend } = checked(() => ++checks !== 3)
    await clock.pass(30_000)
    expect(backend.health).toBe('healthy')
    await lb.close()
  })

  it.each<[string, Probe, string]>([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
      'broken',
    ],
    ['rejects', () => Promise.reject(new Error('refused')), 'refused'],
    ['rejects with nothing', () => Promise.reject(), 'undefined'],
    ['hangs', () => new Promise(() => {}), 'no answer within 2000 ms'],
    ['says false', () => false, 'the check says unhealthy'],
    ['answers nonsense', () => 'fine' as 'healthy', 'the check says unhealthy'],
  ])('survive a function that %s', async (_, probe, error) => {
    const { lb, clock, backend } = checked(probe)
    await clock.pass(30_000)
    expect(backend.health).toBe('unhealthy')
    const check = lb.checkHealth('b0')
    await clock.pass(2_000)
    expect(await check).toMatchObject({ status: 'unhealthy', error })
    const closing = lb.close()
    await clock.pass(1)
    await closing
    expect(clock.pending).toBe(0)
  })

  it('abort the signal of a check that hangs', async () => {
    let signal: AbortSignal | undefined
    const { lb, clock } = checked((_, given) => {
      signal = given
      return new Promise(() => {})
    })
    await clock.pass(1_999)
    expect(signal!.aborted).toBe(false)
    await clock.pass(1)
    expect(signal!.aborted).toBe(true)
    await lb.close()
  })

  it('call a slow answer degraded', async () => {
    const slow: Probe = () => new Promise((resolve) => clock.setTimer(() => resolve(true), 500))
    const { lb, clock } = fleet(1, { healthCheck: { probe: slow, degradedMs: 300 } })
    lb.start()
    await clock.pass(600)
    expect(lb.backends[0]!.health).toBe('degraded')
    await lb.close()
  })

  it('tell of changes as events', async () => {
    const { lb, clock } = checked(() => false, { unhealthyThreshold: 2 })
    const events = lb.events()
    await clock.pass(10_000)
    expect((await events.next()).value).toEqual({
      type: 'health',
      backendId: 'b0',
      from: 'unknown',
      to: 'degraded',
    })
    expect((await events.next()).value).toEqual({
      type: 'health',
      backendId: 'b0',
      from: 'degraded',
      to: 'unhealthy',
    })
    await lb.close()
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  it.each([
    { probe: 'ping' },
    { probe: undefined },
    { probe: 'tcp', intervalMs: 0 },
    { probe: 'tcp', timeoutMs: Number.POSITIVE_INFINITY },
    { probe: 'tcp', jitter: 2 },
    { probe: 'tcp', unhealthyThreshold: 0 },
    { probe: { url: '/' } },
  ])('refuse %j', (healthCheck) => {
    expect(() => fleet(1, { healthCheck: healthCheck as HealthCheckOptions })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})
