import { describe, expect, it, vi } from 'vitest'
import { type Attempt, createBalancer, seededRandom } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error
/** For promises whose rejection is looked at later. */
function watch<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
const never = <T>(): Promise<T> => new Promise<T>(() => {})

describe('route', () => {
  it('resolves with what the call gave, and where', async () => {
    const { lb, clock } = fleet(1)
    const routed = lb.route({ id: 'r1' }, async ({ backend, number }) => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 12))
      return `${backend.host}:${backend.port} #${number}`
    })
    await clock.pass(12)
    expect(await routed).toEqual({
      value: '10.0.0.1:1000 #1',
      backendId: 'b0',
      requestId: 'r1',
      latencyMs: 12,
      attempts: 1,
      isHedged: false,
      setCookie: undefined,
    })
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({ active: 0, total: 1, ok: 1, meanMs: 12 })
  })

  it('takes a value that is no promise', async () => {
    const { lb } = fleet(1)
    expect((await lb.route({}, () => 7)).value).toBe(7)
  })

  it('fails at once where there is no backend, none that can, or none that is up', async () => {
    await expect(fleet(0).lb.route({}, () => 1)).rejects.toThrow(code('BACKENDS_NONE'))
    await expect(fleet(3).lb.route({ requires: ['gpu'] }, () => 1)).rejects.toThrow(code('BACKENDS_NONE'))
  })
})

describe('retries', () => {
  const idempotent = { idempotent: true }

  it('go elsewhere, and never to the same backend twice', async () => {
    const { lb, clock } = fleet(5)
    const tried: string[] = []
    const routed = lb.route(idempotent, ({ backend }) => {
      tried.push(backend.id)
      if (tried.length < 4) throw new Error('down')
      return 'up'
    })
    await clock.pass(1_000)
    expect(await routed).toMatchObject({ value: 'up', attempts: 4, backendId: tried[3] })
    expect(new Set(tried).size).toBe(4)
  })

  it('end with the last error once they are used up', async () => {
    const { lb, clock } = fleet(9)
    let calls = 0
    const routed = watch(
      lb.route(idempotent, () => {
        calls++
        throw new Error(`failure ${calls}`)
      }),
    )
    await clock.pass(5_000)
    await expect(routed).rejects.toMatchObject({
      code: 'ERR_AETHER_ROUTE_FAILED',
      cause: { message: 'failure 4' },
      detail: { attempts: 4 },
    })
    expect(calls).toBe(4)
  })

  it('are not made for what must not happen twice, unless nothing was sent', async () => {
    const { lb, clock } = fleet(5)
    const count = async (error: unknown, request = {}): Promise<number> => {
      let calls = 0
      const routed = watch(
        lb.route(request, () => {
          calls++
          throw error
        }),
      )
      await clock.pass(10_000)
      await expect(routed).rejects.toThrow(code('ROUTE_FAILED'))
      return calls
    }
    expect(await count(new Error('reset'))).toBe(1)
    expect(await count(new Error('reset'), { method: 'POST' })).toBe(1)
    expect(await count(new Error('reset'), { method: 'GET', idempotent: false })).toBe(1)
    expect(await count(new Error('reset'), { method: 'PUT' })).toBe(4)
    expect(await count(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), { method: 'POST' })).toBe(4)
    expect(await count(Object.assign(new Error('no'), { sent: false }))).toBe(4)
    const wrapped = new TypeError('fetch failed', { cause: { code: 'ENOTFOUND' } })
    expect(await count(wrapped, { method: 'POST' })).toBe(4)
  })

  it('look at the status, and hand the last answer on', async () => {
    const { lb, clock } = fleet(5)
    const statuses = [503, 502, 200]
    let calls = 0
    const routed = lb.route({ method: 'GET' }, () => ({ status: statuses[calls++] }))
    await clock.pass(1_000)
    expect(await routed).toMatchObject({ value: { status: 200 }, attempts: 3 })

    const always = lb.route({ method: 'GET' }, () => ({ status: 503 }))
    await clock.pass(5_000)
    expect(await always).toMatchObject({ value: { status: 503 }, attempts: 4 })
    const failed = Object.values(lb.getLoadDistribution().backends).reduce(
      (sum, each) => sum + each.failed,
      0,
    )
    expect(failed).toBe(6)
  })

  it('wait with full jitter: anywhere from nothing to the doubled step', async () => {
    const { lb, clock } = fleet(4, { random: () => 0.5, retry: { baseMs: 100, maxMs: 150 } })
    const at: number[] = []
    const start = clock.time
    void watch(
      lb.route(idempotent, () => {
        at.push(clock.time - start)
        throw new Error('down')
      }),
    )
    await clock.pass(1_000)
    // 50, then 75 twice, since 200 and 400 are cut to 150; the wheel may be a tick of 5 ms late.
    expect(at[0]).toBe(0)
    expect(at[1]).toBeGreaterThanOrEqual(50)
    expect(at[2]! - at[1]!).toBeGreaterThanOrEqual(75)
    expect(at[3]!).toBeLessThanOrEqual(50 + 75 + 75 + 15)
  })

  it('stay within their budget when everything fails', async () => {
    const { lb, clock } = fleet(50, { breaker: false, panicThreshold: 0 })
    let attempts = 0
    const requests = 2_000
    const seconds = 10
    for (let index = 0; index < requests; index++) {
      void watch(
        lb.route(idempotent, () => {
          attempts++
          throw new Error('down')
        }),
      )
      await clock.pass((seconds * 1_000) / requests)
    }
    await clock.pass(5_000)
    expect(attempts).toBeLessThanOrEqual(1.2 * requests + 10 * (seconds + 1))
    expect(attempts).toBeGreaterThan(1.15 * requests)
    expect(lb.getLoadDistribution().active).toBe(0)
  })

  it('can be turned off', async () => {
    const { lb, clock } = fleet(3, { retry: { maxRetries: 0 } })
    let calls = 0
    const routed = watch(
      lb.route(idempotent, () => {
        calls++
        throw new Error('down')
      }),
    )
    await clock.pass(1_000)
    await expect(routed).rejects.toThrow(code('ROUTE_FAILED'))
    expect(calls).toBe(1)
  })
})

describe('time', () => {
  it('ends a request at its deadline, and aborts its attempt', async () => {
    const { lb, clock } = fleet(2, { requestTimeoutMs: 500 })
    let signal: AbortSignal | undefined
    const routed = watch(
      lb.route({}, (attempt) => {
        signal = attempt.signal
        expect(attempt.remainingMs).toBe(500)
        return never()
      }),
    )
    await clock.pass(499)
    expect(signal!.aborted).toBe(false)
    await clock.pass(6)
    await expect(routed).rejects.toThrow(code('DEADLINE_EXCEEDED'))
    expect(signal!.aborted).toBe(true)
    expect(lb.getLoadDistribution().active).toBe(0)
  })

  it('of an attempt ends that attempt alone', async () => {
    const { lb, clock } = fleet(3, { attemptTimeoutMs: 100 })
    const signals: AbortSignal[] = []
    const routed = lb.route({ idempotent: true }, ({ signal, number }) => {
      signals.push(signal)
      return number === 1 ? never<string>() : 'second'
    })
    await clock.pass(200)
    expect(await routed).toMatchObject({ value: 'second', attempts: 2 })
    expect(signals[0]!.reason).toMatchObject({ code: 'ERR_AETHER_ATTEMPT_TIMEOUT' })
    expect(signals[1]!.aborted).toBe(false)
  })

  it('that is the caller’s own: its signal ends everything with its reason, and blames nobody', async () => {
    const { lb, clock } = fleet(2)
    const stop = new AbortController()
    let inner: AbortSignal | undefined
    const routed = watch(
      lb.route({ signal: stop.signal }, ({ signal }) => {
        inner = signal
        return never()
      }),
    )
    await settle()
    const reason = new Error('the user left')
    stop.abort(reason)
    await expect(routed).rejects.toBe(reason)
    expect(inner!.reason).toBe(reason)
    const { backends, active } = lb.getLoadDistribution()
    expect(active).toBe(0)
    expect(Object.values(backends).map((each) => [each.failed, each.cancelled])).toContainEqual([0, 1])
    await expect(lb.route({ signal: stop.signal }, () => 1)).rejects.toBe(reason)
    await clock.pass(60_000)
    expect(clock.pending).toBe(0)
  })
})

describe('hedging', () => {
  const hedge = { initialMs: 50 }

  it('starts a second attempt elsewhere after a while, takes the first answer and ends the other', async () => {
    const { lb, clock } = fleet(3, { hedge })
    const attempts: Attempt[] = []
    const routed = lb.route({ idempotent: true }, (attempt) => {
      attempts.push(attempt)
      void attempt.signal
      return attempt.isHedge ? 'quick' : never<string>()
    })
    await clock.pass(49)
    expect(attempts).toHaveLength(1)
    await clock.pass(10)
    expect(await routed).toMatchObject({ value: 'quick', isHedged: true, attempts: 2 })
    expect(attempts[1]!.backend).not.toBe(attempts[0]!.backend)
    expect(attempts[0]!.signal.aborted).toBe(true)
    expect(lb.getLoadDistribution()).toMatchObject({ active: 0, hedges: 1 })
  })

  it('waits for the p95 once enough was measured', async () => {
    const { lb, clock } = fleet(3, { hedge })
    for (let index = 1; index <= 200; index++) lb.pick().done('ok', index <= 190 ? 10 : 400)
    let attempts = 0
    const routed = lb.route({ idempotent: true }, ({ isHedge }) => {
      attempts++
      return isHedge ? 1 : never<number>()
    })
    await clock.pass(8)
    expect(attempts).toBe(1)
    await clock.pass(12)
    await routed
    expect(attempts).toBe(2)
  })

  it('is not done to what must not happen twice', async () => {
    const { lb, clock } = fleet(3, { hedge })
    let attempts = 0
    void watch(
      lb.route({ method: 'POST' }, () => {
        attempts++
        return never()
      }),
    )
    await clock.pass(5_000)
    expect(attempts).toBe(1)
  })

  it('lets the slow first one win if the second fails', async () => {
    const { lb, clock } = fleet(2, { hedge })
    const routed = lb.route({ idempotent: true }, async ({ isHedge }) => {
      if (isHedge) throw new Error('no')
      await new Promise<void>((resolve) => clock.setTimer(resolve, 200))
      return 'slow'
    })
    await clock.pass(300)
    expect(await routed).toMatchObject({ value: 'slow', isHedged: false, attempts: 2 })
    expect(lb.getLoadDistribution().active).toBe(0)
  })

  it('keeps to the budget', async () => {
    const { lb, clock } = fleet(10, { hedge, retry: { budget: 0, minConcurrent: 2 } })
    let hedges = 0
    for (let index = 0; index < 20; index++)
      void watch(
        lb.route({ idempotent: true }, ({ isHedge }) => {
          if (isHedge) hedges++
          return never()
        }),
      )
    await clock.pass(200)
    expect(hedges).toBe(2)
  })
})

describe('pick', () => {
  it('gives a slot, once', () => {
    const { lb } = fleet(1, {}, () => ({ maxConnections: 1 }))
    const lease = lb.pick()
    expect(() => lb.pick()).toThrow(code('QUEUE_FULL'))
    lease.done('ok')
    lease.done('failed')
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({ active: 0, total: 1, ok: 1, failed: 0 })
    expect(lease.isDone).toBe(true)
  })

  it('is given back at the end of its block', () => {
    const { lb } = fleet(1)
    const lease = lb.pick()
    lease[Symbol.dispose]()
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({ active: 0, cancelled: 1 })
  })

  it('may come back after its backend is gone', () => {
    const { lb } = fleet(2)
    const lease = lb.pick()
    lb.remove(lease.backend.id)
    lease.done('failed')
    expect(lb.getLoadDistribution().active).toBe(0)
    expect(lease.backend.active).toBe(0)
  })
})

describe('close', () => {
  it('lets what is under way end, refuses what comes, and leaves no timer', async () => {
    const { lb, clock } = fleet(2, {
      healthCheck: { probe: () => true },
      outlier: {},
      affinity: { by: 'session' },
    })
    lb.start()
    const routed = lb.route({}, async () => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 1_000))
      return 'done'
    })
    await clock.pass(10)
    const closing = lb.close()
    expect(lb.close()).toBe(closing)
    await expect(lb.route({}, () => 1)).rejects.toThrow(code('BALANCER_CLOSED'))
    expect(() => lb.pick()).toThrow(code('BALANCER_CLOSED'))
    expect(() => lb.add({ host: 'h', port: 1 })).toThrow(code('BALANCER_CLOSED'))
    await clock.pass(1_000)
    expect((await routed).value).toBe('done')
    await closing
    expect(clock.pending).toBe(0)
  })

  it('is one, also for those who close it when they hear that it closes', async () => {
    const info = vi.fn<(message: string) => void>()
    const logger = { debug() {}, info, warn: info, error() {} }
    const { lb, clock } = fleet(1, { logger, drainTimeoutMs: 500 })
    const heard: Promise<void>[] = []
    const scale = (_: number, { signal }: { signal: AbortSignal }): Promise<void> =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          heard.push(lb.close())
          resolve()
        }),
      )
    lb.autoscale({ count: 0, scale })
    await clock.pass(10)
    const held = lb.pick()
    const closing = lb.close()
    await clock.pass(10)
    held.done()
    await closing
    expect(heard).toEqual([closing])
    expect(heard[0]).toBe(closing)
    expect(info.mock.calls.filter(([message]) => message === 'closed')).toHaveLength(1)
    expect(clock.pending).toBe(0)
  })

  it('ends what is under way when its signal says so, and what waits before a retry', async () => {
    const { lb, clock } = fleet(3, { retry: { baseMs: 1_000 }, random: () => 0.9 })
    const stuck = watch(lb.route({}, () => never()))
    const failing = watch(
      lb.route({ idempotent: true }, () => {
        throw new Error('down')
      }),
    )
    await settle()
    const stop = new AbortController()
    const closing = lb.close({ signal: stop.signal })
    stop.abort()
    await closing
    await expect(stuck).rejects.toThrow(code('BALANCER_CLOSED'))
    await expect(failing).rejects.toThrow(code('BALANCER_CLOSED'))
    expect(clock.pending).toBe(0)
    expect(lb.getLoadDistribution().active).toBe(0)
  })

  it('begins nothing with the slots of what it cuts', async () => {
    const { lb, clock } = fleet(3, { drainTimeoutMs: 100 }, () => ({ maxConnections: 1 }))
    await lb.execute({ operation: 'pick_backend' })
    const calls = vi.fn<() => Promise<unknown>>(() => never())
    // Whatever the order in which they are cut: one holds a slot for longer than those that wait may, one not as long.
    const under = [1_000, 60_000].map((timeoutMs) => watch(lb.route({ timeoutMs }, () => never())))
    const waiting = [2_000, 4_000, 8_000].map((timeoutMs) => watch(lb.route({ timeoutMs }, calls)))
    const closing = lb.close()
    await clock.pass(100)
    await closing
    for (const each of [...under, ...waiting]) await expect(each).rejects.toThrow(code('BALANCER_CLOSED'))
    expect(calls).not.toHaveBeenCalled()
    expect(lb.getLoadDistribution()).toMatchObject({ active: 0, queued: 0 })
    expect(clock.pending).toBe(0)
  })

  it('waits no longer than it may for a lease that never comes back', async () => {
    const { lb, clock } = fleet(1, { drainTimeoutMs: 100 })
    lb.pick()
    const closing = lb.close()
    await clock.pass(100)
    await closing
    expect(clock.pending).toBe(0)
  })
})

describe('a request that makes no sense', () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'is refused with a timeout of %d',
    async (timeoutMs) => {
      const { lb } = fleet(1)
      await expect(lb.route({ timeoutMs }, () => 1)).rejects.toThrow(code('OPTIONS_INVALID'))
      expect(() => lb.pick({ timeoutMs })).toThrow(code('OPTIONS_INVALID'))
    },
  )

  it.each([Number.NaN, -5, 99])('waits with a priority of %d as well', async (priority) => {
    const { lb, clock } = fleet(1, {}, () => ({ maxConnections: 1 }))
    const held = lb.pick()
    const routed = lb.route({ priority }, () => 'served')
    held.done()
    await clock.pass(1)
    expect((await routed).value).toBe('served')
  })
})

describe('a clock that goes backwards', () => {
  it('breaks nothing', async () => {
    const { lb, clock } = fleet(2, { rateLimit: { requestsPerSecond: 10 }, affinity: { by: 'session' } })
    const routed = lb.route({ sessionId: 's', clientIp: '10.0.0.1' }, async () => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 10))
    })
    await clock.pass(5)
    clock.time -= 100_000
    await clock.pass(200_000)
    expect((await routed).latencyMs).toBeGreaterThanOrEqual(0)
    expect((await lb.route({ sessionId: 's', clientIp: '10.0.0.1' }, () => 'on')).value).toBe('on')
    expect(lb.getLoadDistribution().backends['b0']!.meanMs).toBeGreaterThanOrEqual(0)
  })
})

describe('the machine’s clock', () => {
  it('works as well', async () => {
    const lb = createBalancer({ random: seededRandom(1), attemptTimeoutMs: 20, retry: { baseMs: 1 } })
    lb.add({ host: 'a', port: 1 })
    lb.add({ host: 'b', port: 1 })
    const keepAlive = setInterval(() => {}, 1_000)
    const result = await lb.route({ idempotent: true }, ({ number }) =>
      number === 1 ? never<string>() : 'second',
    )
    expect(result.value).toBe('second')
    await lb.close()
    clearInterval(keepAlive)
  })
})
