import { describe, expect, it } from 'vitest'
import type { HealthCheckOptions, Probe } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'

const refused = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })

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
    ['throws what is no error, and no text either', () => Promise.reject(Object.create(null)), 'object'],
    ['throws an error without a text', () => Promise.reject(new TypeError('')), 'TypeError'],
    ['throws one that has but a code', () => Promise.reject(refused), 'ECONNREFUSED'],
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

  it('count no answer that comes after the time is over', async () => {
    const answers: ((result: boolean) => void)[] = []
    const { lb, clock, backend } = checked(() => new Promise((resolve) => answers.push(resolve)))
    await clock.pass(2_000)
    answers[0]!(true)
    await clock.pass(7_000)
    answers[1]!(true)
    await clock.pass(7_000)
    expect(answers).toHaveLength(3)
    expect(backend.health).toBe('unhealthy')
    await lb.close()
  })

  function many(maxConcurrent: number) {
    const seen = { at: [] as number[], running: 0, most: 0 }
    const made = fleet(1_000, {
      healthCheck: {
        maxConcurrent,
        jitter: 0,
        probe: async () => {
          seen.at.push(made.clock.time)
          seen.most = Math.max(seen.most, ++seen.running)
          await new Promise<void>((resolve) => made.clock.setTimer(resolve, 400))
          seen.running--
        },
      },
      explain: 0,
    })
    made.lb.start()
    return { ...made, seen }
  }

  it('run no more than so many at a time', async () => {
    const { lb, clock, seen } = many(50)
    await clock.pass(15_000)
    expect(seen.most).toBe(50)
    expect(lb.backends.every((backend) => backend.health === 'healthy')).toBe(true)
    await lb.close()
    expect(clock.pending).toBe(seen.running)
  })

  it('begin spread over an interval where there are more than that, and at once where there are not', async () => {
    const { lb, clock, seen } = many(600)
    const start = clock.time
    await clock.pass(4_999)
    const inEachSecond = [0, 1, 2, 3, 4].map(
      (n) => seen.at.filter((at) => Math.floor((at - start) / 1_000) === n).length,
    )
    for (const count of inEachSecond) expect(Math.abs(count - 200)).toBeLessThan(5)
    await lb.close()
    const few = many(1_000)
    expect(few.seen.most).toBe(1_000)
    await few.lb.close()
  })

  it('look at nobody who is gone when its turn has come', async () => {
    for (let turns = 0; turns < 12; turns++) {
      let answer = (): void => {}
      const strangers: string[] = []
      const { lb, clock } = fleet(0, {
        healthCheck: {
          maxConcurrent: 1,
          probe: (backend) => {
            if (!lb.backends.includes(backend)) strangers.push(backend.id)
            return new Promise<void>((resolve) => (answer = resolve))
          },
        },
      })
      lb.start()
      for (const id of ['b0', 'b1', 'b2']) lb.add({ id, host: 'h', port: 1 })
      answer()
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      lb.remove('b1')
      await clock.pass(1)
      answer()
      await clock.pass(1)
      expect(lb.backends.map((backend) => backend.health)).toEqual(['healthy', 'healthy'])
      expect(strangers).toEqual([])
      await lb.close()
    }
  })

  it('keep those waiting that are more than may run, and forget them when their backend or the balancer goes', async () => {
    const asked: string[] = []
    const answers: (() => void)[] = []
    const { lb, clock } = fleet(0, {
      healthCheck: {
        maxConcurrent: 1,
        probe: ({ id }) => new Promise<void>((resolve) => void (asked.push(id), answers.push(resolve))),
      },
    })
    lb.start()
    for (const id of ['b0', 'b1', 'b2', 'b3']) lb.add({ id, host: 'h', port: 1 })
    const late = lb.checkHealth('b1')
    lb.remove('b1')
    expect(await late).toMatchObject({ backendId: 'b1', checkedAt: undefined })
    await clock.pass(1)
    answers[0]!()
    await clock.pass(1)
    expect(asked).toEqual(['b0', 'b2'])
    lb.remove('b2')
    await clock.pass(1)
    expect(asked).toEqual(['b0', 'b2', 'b3'])
    await lb.close()
    await clock.pass(20_000)
    expect(asked).toHaveLength(3)
    expect(clock.pending).toBe(0)
  })

  it('that are asked for before the start are one each: the others begin with it, and end with the balancer', async () => {
    let checks = 0
    const { lb, clock } = fleet(3, { healthCheck: { probe: () => void checks++, maxConcurrent: 2 } })
    await Promise.all(['b0', 'b1', 'b2'].map((id) => lb.checkHealth(id)))
    await clock.pass(60_000)
    expect([checks, clock.pending]).toEqual([3, 0])
    void lb.checkHealth('b1')
    lb.start()
    void lb.checkHealth('b2')
    await clock.pass(4_000)
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('give their place back where a function takes its own backend away and never ends', async () => {
    const asked: string[] = []
    const { lb, clock } = fleet(2, {
      healthCheck: {
        maxConcurrent: 1,
        probe: ({ id }) => {
          asked.push(id)
          if (id === 'b0') lb.remove(id)
          return id === 'b0' ? new Promise(() => {}) : true
        },
      },
    })
    lb.start()
    await clock.pass(10_000)
    expect(new Set(asked)).toEqual(new Set(['b0', 'b1']))
    await lb.close()
  })

  it('are refused once the balancer is closed', async () => {
    let checks = 0
    const { lb, clock } = checked(() => void checks++)
    await clock.pass(1)
    await lb.close()
    await expect(lb.checkHealth('b0')).rejects.toMatchObject({ code: 'ERR_AETHER_BALANCER_CLOSED' })
    expect(checks).toBe(1)
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
      error: 'the check says unhealthy',
    })
    expect((await events.next()).value).toEqual({
      type: 'health',
      backendId: 'b0',
      from: 'degraded',
      to: 'unhealthy',
      error: 'the check says unhealthy',
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
    { probe: 'tcp', maxConcurrent: 0 },
    { probe: { url: '/' } },
    { probe: { path: 'health' } },
    { probe: { path: '/a b' } },
    { probe: { method: 'FETCH' } },
    { probe: { method: 'CONNECT' } },
    { probe: { headers: { 'a b': 'c' } } },
    { probe: { headers: { a: 'b\r\nc: d' } } },
    { probe: { headers: { a: undefined } } },
    { probe: { headers: 'host: a' } },
    { probe: { secure: 'yes' } },
    { probe: { ca: 5 } },
    { probe: { statuses: [299, 200] } },
    { probe: { statuses: [200] } },
    { probe: { statuses: 200 } },
    { probe: { statuses: [200, 1_000] } },
    { probe: { degradedHeader: '' } },
  ])('refuse %j', (healthCheck) => {
    expect(() => fleet(1, { healthCheck: healthCheck as HealthCheckOptions })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})
