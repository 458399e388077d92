import { getEventListeners, setMaxListeners } from 'node:events'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Attempt, type Balancer, createBalancer, type LbError, type Strategy } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error
const never = <T>(): Promise<T> => new Promise<T>(() => {})
const idempotent = { idempotent: true }

/** For promises whose rejection is looked at later. */
function watch<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** Throws anything, also what is no error. */
function raise(value: unknown): never {
  ;(function* () {})().throw(value)
  throw new Error('unreachable')
}

type Then = (yes: (value: number) => void, no: (reason: unknown) => void) => void

/** Made of its parts: something that can be awaited and is no promise is seldom wanted. */
const thenKey: string = ['th', 'en'].join('')
function thenable(then: Then): PromiseLike<number> {
  return { [thenKey]: then } as unknown as PromiseLike<number>
}

/** Attempts at all backends by how they ended. */
function counts(lb: Balancer): Record<'ok' | 'failed' | 'cancelled' | 'active' | 'total', number> {
  const sum = { ok: 0, failed: 0, cancelled: 0, active: 0, total: 0 }
  for (const each of Object.values(lb.getLoadDistribution().backends))
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += each[key]
  return sum
}

const unhandled = vi.fn<(reason: unknown) => void>()
beforeAll(() => void process.on('unhandledRejection', unhandled))
afterAll(async () => {
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
})

describe('what a call may do', () => {
  it.each<[string, () => unknown]>([
    ['throws', () => raise(new Error('boom'))],
    ['rejects', () => Promise.reject(new Error('boom'))],
    ['throws what is no error', () => raise('boom')],
    ['throws nothing', () => raise(undefined)],
    ['throws what cannot be written as a text', () => raise(Object.create(null))],
    ['rejects with what cannot be written as a text', () => Promise.reject(Object.create(null))],
    ['gives something whose `then` throws', () => thenable(() => raise(new Error('boom')))],
    [
      'gives something whose `then` cannot be read',
      () => Object.defineProperty({}, thenKey, { get: () => raise(new Error('boom')) }),
    ],
    ['gives something that rejects at once', () => thenable((_, no) => no(new Error('boom')))],
  ])('%s: that is one failure, and the slot is free', async (_, call) => {
    const { lb, clock } = fleet(1)
    await expect(lb.route({}, call)).rejects.toThrow(code('ROUTE_FAILED'))
    expect(counts(lb)).toEqual({ ok: 0, failed: 1, cancelled: 0, active: 0, total: 1 })
    expect((lb as unknown as { router: { wheel: { pending: number } } }).router.wheel.pending).toBe(0)
    await clock.pass(60_000)
    expect(clock.pending).toBe(0)
  })

  it('gives something that answers twice, or answers and throws: the first counts', async () => {
    const { lb } = fleet(1)
    const twice = thenable((yes, no) => {
      yes(1)
      yes(2)
      no(new Error())
      raise(new Error())
    })
    expect((await lb.route({}, () => twice)).value).toBe(1)
    expect(counts(lb)).toMatchObject({ ok: 1, failed: 0, active: 0 })
  })

  it('is a function, or it is refused and no backend blamed', async () => {
    const { lb } = fleet(1)
    await expect(lb.route({}, undefined as never)).rejects.toThrow(code('OPTIONS_INVALID'))
    expect(counts(lb).total).toBe(0)
  })

  it('answers after its time: that changes nothing any more', async () => {
    const { lb, clock } = fleet(3, { attemptTimeoutMs: 100, retry: { maxRetries: 1 } })
    const late: ((value: string) => void)[] = []
    const lateToFail: ((reason: unknown) => void)[] = []
    const routed = watch(
      lb.route(
        idempotent,
        () =>
          new Promise<string>((resolve, reject) => {
            late.push(resolve)
            lateToFail.push(reject)
          }),
      ),
    )
    await clock.pass(1_000)
    await expect(routed).rejects.toThrow(code('ROUTE_FAILED'))
    const before = lb.getLoadDistribution()
    expect(counts(lb)).toEqual({ ok: 0, failed: 2, cancelled: 0, active: 0, total: 2 })
    late[0]!('late')
    lateToFail[1]!(new Error('late'))
    await clock.pass(100)
    expect({ ...lb.getLoadDistribution(), at: 0 }).toEqual({ ...before, at: 0 })
  })
})

describe('the caller’s signal', () => {
  it('that is aborted already lets nothing begin', async () => {
    const { lb } = fleet(1)
    const reason = new Error('gone')
    const call = vi.fn<() => number>()
    await expect(lb.route({ signal: AbortSignal.abort(reason) }, call)).rejects.toBe(reason)
    expect(call).not.toHaveBeenCalled()
    expect(lb.getLoadDistribution()).toMatchObject({ requests: 0, active: 0 })
  })

  it('keeps no listener once the request has ended, however it ended', async () => {
    const { lb, clock } = fleet(2, { attemptTimeoutMs: 50 })
    const { signal } = new AbortController()
    const calls = [
      () => 1,
      async () => 1,
      () => {
        throw new Error()
      },
      () => never(),
    ]
    const all = calls.map((call) => watch(lb.route({ signal, ...idempotent }, call)))
    await clock.pass(5_000)
    await Promise.allSettled(all)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('may be that of many requests, such as of a shutdown: nobody is told of a leak that is none', async () => {
    const warned = vi.fn<(warning: Error) => void>()
    process.on('warning', warned)
    const { lb } = fleet(2, { drainTimeoutMs: 1_000 })
    const { signal } = new AbortController()
    const answers: (() => void)[] = []
    const all = Array.from({ length: 30 }, () =>
      lb.route({ signal }, () => new Promise<void>((resolve) => answers.push(resolve))),
    )
    // One who set a limit is told, and whatever can be listened to will do.
    const [strict, boundless] = [new AbortController().signal, new AbortController().signal]
    setMaxListeners(1, strict)
    setMaxListeners(0, boundless)
    for (const each of [strict, strict, boundless, { addEventListener() {}, removeEventListener() {} }])
      all.push(
        lb.route(
          { signal: each as AbortSignal },
          () => new Promise<void>((resolve) => answers.push(resolve)),
        ),
      )
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warned)
    expect(warned.mock.calls.map(([{ message }]) => message.split('.')[0])).toEqual([
      'Possible EventTarget memory leak detected',
    ])
    for (const answer of answers) answer()
    await Promise.all(all)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('aborted while it waits before a retry: none is made', async () => {
    const { lb, clock } = fleet(3, { retry: { baseMs: 1_000 }, random: () => 0.9 })
    const stop = new AbortController()
    const call = vi.fn<() => never>(() => {
      throw new Error('down')
    })
    const routed = watch(lb.route({ ...idempotent, signal: stop.signal }, call))
    await clock.pass(10)
    stop.abort(new Error('the user left'))
    await expect(routed).rejects.toThrow('the user left')
    await clock.pass(10_000)
    expect(call).toHaveBeenCalledTimes(1)
    expect(clock.pending).toBe(0)
  })

  it('aborted by the call itself: that is its end, and no retry', async () => {
    const { lb, clock } = fleet(3)
    for (const ends of [
      () => 1,
      () => Promise.resolve(1),
      () => {
        throw new Error('down')
      },
      () => never(),
    ]) {
      const stop = new AbortController()
      const call = vi.fn<() => unknown>(() => {
        stop.abort(new Error('the user left'))
        return ends()
      })
      const routed = watch(lb.route({ ...idempotent, signal: stop.signal }, call))
      await clock.pass(1_000)
      await expect(routed).rejects.toThrow('the user left')
      expect(call).toHaveBeenCalledTimes(1)
    }
    expect(counts(lb)).toEqual({ ok: 0, failed: 0, cancelled: 4, active: 0, total: 4 })
  })

  it('aborted by whoever hears that an answer is not wanted: no other attempt is made', async () => {
    const { lb, clock } = fleet(3, { hedge: { initialMs: 50 }, attemptTimeoutMs: 500 })
    const stop = new AbortController()
    const call = vi.fn<(attempt: Attempt) => unknown>(({ signal }) => {
      signal.addEventListener('abort', () => stop.abort(new Error('left')))
      return { status: 503 }
    })
    const routed = watch(lb.route({ method: 'GET', signal: stop.signal }, call))
    await clock.pass(10_000)
    await expect(routed).rejects.toThrow('left')
    expect(call).toHaveBeenCalledTimes(1)
    expect(clock.pending).toBe(0)
    expect(counts(lb).active).toBe(0)
    expect((lb as unknown as { router: { budget: { active: number } } }).router.budget.active).toBe(0)
  })

  it('aborted so while the other of two attempts fails: no third is made', async () => {
    const { lb, clock } = fleet(4, { hedge: { initialMs: 50 } })
    const stop = new AbortController()
    const call = vi.fn<(attempt: Attempt) => Promise<unknown>>(async ({ signal, isHedge }) => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, isHedge ? 200 : 100))
      if (isHedge) throw new Error('reset')
      signal.addEventListener('abort', () => stop.abort(new Error('left')))
      return { status: 503 }
    })
    const routed = watch(lb.route({ method: 'GET', signal: stop.signal }, call))
    await clock.pass(10_000)
    await expect(routed).rejects.toThrow('left')
    expect(call).toHaveBeenCalledTimes(2)
    expect(clock.pending).toBe(0)
    expect(counts(lb).active).toBe(0)
    expect((lb as unknown as { router: { budget: { active: number } } }).router.budget.active).toBe(0)
  })

  it('aborted by whoever judges the answer: that is the end, and nothing is given back twice', async () => {
    const stop = new AbortController()
    const judge = (value: unknown): 'ok' | 'failed-retry' => {
      if (value === 1) return 'failed-retry'
      stop.abort(new Error('left'))
      return 'ok'
    }
    const { lb, clock } = fleet(3, { judge })
    const routed = watch(lb.route({ ...idempotent, signal: stop.signal }, ({ number }) => number))
    await clock.pass(1_000)
    await expect(routed).rejects.toThrow('left')
    expect(counts(lb)).toEqual({ ok: 0, failed: 1, cancelled: 1, active: 0, total: 2 })
    expect((lb as unknown as { router: { budget: { active: number } } }).router.budget.active).toBe(0)
  })

  it('aborted while the slot of its answer goes to the next one: the answer stands', async () => {
    const { lb } = fleet(1, {}, () => ({ maxConnections: 1 }))
    const stop = new AbortController()
    let answer: (value: string) => void = () => {}
    const first = lb.route(
      { signal: stop.signal },
      () => new Promise<string>((resolve) => (answer = resolve)),
    )
    // Starts in the very moment in which the first gives its slot back.
    const second = lb.route({}, () => {
      stop.abort()
      return 'second'
    })
    answer('first')
    expect((await first).value).toBe('first')
    expect((await second).value).toBe('second')
    expect(counts(lb)).toEqual({ ok: 2, failed: 0, cancelled: 0, active: 0, total: 2 })
  })

  it('aborted while the slot of its failure goes to the next one: no retry is left behind', async () => {
    const { lb, clock } = fleet(2, { queue: { limit: 9 } }, () => ({ maxConnections: 1 }))
    const held = lb.pick()
    const stop = new AbortController()
    let fail: (reason: unknown) => void = () => {}
    const first = watch(
      lb.route({ ...idempotent, signal: stop.signal }, () => new Promise((_, reject) => (fail = reject))),
    )
    const second = lb.route({}, () => {
      stop.abort(new Error('left'))
      return 'second'
    })
    fail(new Error('down'))
    expect((await second).value).toBe('second')
    await expect(first).rejects.toThrow('left')
    held.done()
    await clock.pass(60_000)
    expect(counts(lb)).toMatchObject({ failed: 1, active: 0, total: 3 })
    expect(clock.pending).toBe(0)
    expect((lb as unknown as { router: { budget: { active: number } } }).router.budget.active).toBe(0)
  })
})

describe('an answer that is a failure', () => {
  const answerWith =
    (statuses: readonly number[], attempts: Attempt[] = []) =>
    (attempt: Attempt) => {
      attempts.push(attempt)
      return { status: statuses[attempt.number - 1] }
    }

  it('and is not handed on, is aborted, so that its body does not hold a connection', async () => {
    const { lb, clock } = fleet(4)
    const attempts: Attempt[] = []
    const routed = lb.route({ method: 'GET' }, answerWith([503, 502, 200], attempts))
    await clock.pass(1_000)
    expect((await routed).value.status).toBe(200)
    expect(attempts.map(({ signal }) => signal.aborted)).toEqual([true, true, false])
  })

  it('is aborted as soon as the next attempt begins, and when nothing more comes', async () => {
    const { lb, clock } = fleet(3, { retry: { baseMs: 1_000 }, random: () => 0.9 })
    const attempts: Attempt[] = []
    const send = (signal: AbortSignal): Promise<unknown> =>
      watch(
        lb.route({ method: 'GET', signal }, (attempt) => {
          attempts.push(attempt)
          return attempt.number === 1 ? { status: 503 } : never()
        }),
      )
    const [first, second] = [new AbortController(), new AbortController()]
    const routed = send(first.signal)
    await clock.pass(500)
    expect(attempts[0]!.signal.aborted).toBe(false)
    await clock.pass(1_000)
    expect(attempts).toHaveLength(2)
    expect(attempts[0]!.signal.aborted).toBe(true)
    first.abort(new Error('left'))
    await expect(routed).rejects.toThrow('left')

    const other = send(second.signal)
    await clock.pass(500)
    second.abort(new Error('left'))
    await expect(other).rejects.toThrow('left')
    expect(attempts[2]!.signal.aborted).toBe(true)
  })

  it('and is the last there is, is handed on whole', async () => {
    const { lb, clock } = fleet(2)
    const attempts: Attempt[] = []
    const routed = lb.route({ method: 'GET' }, answerWith([503, 503], attempts))
    await clock.pass(1_000)
    expect((await routed).value.status).toBe(503)
    expect(attempts.map(({ signal }) => signal.aborted)).toEqual([true, false])
  })

  it('is handed on after all where no slot for the retry is to be had', async () => {
    const { lb, clock } = fleet(2, { queue: { limit: 0 } }, () => ({ maxConnections: 1 }))
    const attempts: Attempt[] = []
    const routed = lb.route({ method: 'GET' }, answerWith([503], attempts))
    const others = [lb.pick(), lb.pick()]
    await clock.pass(1_000)
    expect(await routed).toMatchObject({ value: { status: 503 }, attempts: 1 })
    expect(attempts[0]!.signal.aborted).toBe(false)
    for (const lease of others) lease.done()
    expect(lb.getLoadDistribution()).toMatchObject({ retries: 0, active: 0 })
  })

  it('does not end a request whose second attempt is still under way', async () => {
    const { lb, clock } = fleet(2, { hedge: { initialMs: 50 } })
    const routed = lb.route({ method: 'GET' }, async ({ isHedge }) => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, isHedge ? 500 : 100))
      return { status: isHedge ? 200 : 503 }
    })
    await clock.pass(1_000)
    expect(await routed).toMatchObject({ value: { status: 200 }, isHedged: true })
    expect(counts(lb)).toMatchObject({ ok: 1, failed: 1, cancelled: 0 })
  })
})

describe('two attempts', () => {
  it('of which one answered with a failure and the other failed after it, end with that error', async () => {
    const { lb, clock } = fleet(2, { hedge: { initialMs: 50 } })
    const attempts: Attempt[] = []
    const routed = watch(
      lb.route({ method: 'GET' }, async (attempt) => {
        attempts.push(attempt)
        await new Promise<void>((resolve) => clock.setTimer(resolve, attempt.isHedge ? 500 : 100))
        if (attempt.isHedge) throw new Error('reset')
        return { status: 503 }
      }),
    )
    await clock.pass(1_000)
    await expect(routed).rejects.toMatchObject({
      code: 'ERR_AETHER_ROUTE_FAILED',
      cause: { message: 'reset' },
      detail: { failures: [{ error: 'its answer was judged a failure' }, { error: 'reset' }] },
    })
    expect(attempts[0]!.signal.aborted).toBe(true)
  })
})

describe('a retry', () => {
  it('waits for a slot elsewhere as others do', async () => {
    const { lb, clock } = fleet(2, {}, () => ({ maxConnections: 1 }))
    const routed = lb.route(idempotent, ({ number }) => {
      if (number === 1) throw new Error('down')
      return number
    })
    const others = [lb.pick(), lb.pick()]
    await clock.pass(1_000)
    expect(lb.getLoadDistribution().queued).toBe(1)
    for (const lease of others) lease.done()
    await clock.pass(10)
    expect(await routed).toMatchObject({ value: 2, attempts: 2 })
    expect(lb.getLoadDistribution()).toMatchObject({ retries: 1, queued: 0, active: 0 })
  })

  it('keeps to the limit of adaptive concurrency', async () => {
    const { lb, clock } = fleet(4, { concurrency: { min: 2, max: 2 } })
    const routed = lb.route(idempotent, ({ number }) => {
      if (number === 1) throw new Error('down')
      return number
    })
    const others = [lb.pick(), lb.pick()]
    await clock.pass(1_000)
    expect(lb.getLoadDistribution()).toMatchObject({ active: 2, queued: 1 })
    for (const lease of others) lease.done()
    await clock.pass(10)
    expect((await routed).value).toBe(2)
  })

  it('is still made while the balancer closes', async () => {
    const { lb, clock } = fleet(2)
    const routed = lb.route(idempotent, ({ number }) => {
      if (number === 1) throw new Error('down')
      return 'done'
    })
    const closing = lb.close()
    await clock.pass(1_000)
    expect((await routed).value).toBe('done')
    await closing
    expect(clock.pending).toBe(0)
  })
})

describe('hedging', () => {
  const hedge = { initialMs: 50 }

  it('does not take a slot that others wait for, or that the limit forbids', async () => {
    const { lb, clock } = fleet(2, { hedge, concurrency: { min: 1, max: 1 } })
    void watch(lb.route(idempotent, () => never()))
    await clock.pass(200)
    expect(lb.getLoadDistribution()).toMatchObject({ hedges: 0, active: 1 })

    const needy = fleet(2, { hedge }, (i) => ({ maxConnections: 2, capabilities: i === 0 ? ['gpu'] : [] }))
    const leases = [needy.lb.pick({ requires: ['gpu'] }), needy.lb.pick({ requires: ['gpu'] })]
    void watch(needy.lb.route({ requires: ['gpu'] }, () => 1))
    void watch(needy.lb.route(idempotent, () => never()))
    await needy.clock.pass(200)
    expect(needy.lb.getLoadDistribution()).toMatchObject({ hedges: 0, queued: 1 })
    for (const lease of leases) lease.done()
  })

  it('leaves no timer behind where none was needed', async () => {
    const { lb, clock } = fleet(2, { hedge: { initialMs: 10_000 } })
    await lb.route(idempotent, () => 1)
    const closing = lb.close()
    await clock.pass(0)
    await closing
    expect(clock.pending).toBe(0)
  })

  it('blames nobody who was only slower, however often', async () => {
    const { lb, clock } = fleet(2, {
      hedge,
      breaker: { failureThreshold: 1 },
      outlier: { consecutiveFailures: 1 },
    })
    lb.start()
    for (let index = 0; index < 20; index++) {
      const routed = lb.route(idempotent, ({ isHedge, signal }) =>
        isHedge
          ? 1
          : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      )
      await clock.pass(200)
      expect((await routed).isHedged).toBe(true)
    }
    expect(counts(lb)).toMatchObject({ ok: 20, failed: 0, cancelled: 20 })
    expect(lb.backends.map(({ breakerState, isEjected }) => [breakerState, isEjected])).toEqual([
      ['closed', false],
      ['closed', false],
    ])
    await lb.close()
  })

  it('that both fail are followed by a retry elsewhere, and all told in the end', async () => {
    const { lb, clock } = fleet(3, { hedge, retry: { maxRetries: 1 } })
    const routed = watch(
      lb.route({ ...idempotent, id: 'r1' }, async ({ number }) => {
        await new Promise<void>((resolve) => clock.setTimer(resolve, 100))
        throw Object.assign(new Error(`failure ${number}`), { code: 'EBOOM' })
      }),
    )
    await clock.pass(2_000)
    const error = (await routed.catch((reason: unknown) => reason)) as LbError
    expect(error).toMatchObject({
      code: 'ERR_AETHER_ROUTE_FAILED',
      cause: { message: 'failure 3' },
      detail: {
        attempts: 3,
        notRetried: 'retries-used-up',
        failures: [
          { kind: 'first', error: 'failure 1', code: 'EBOOM' },
          { kind: 'hedge', error: 'failure 2', code: 'EBOOM' },
          { kind: 'retry', error: 'failure 3', code: 'EBOOM' },
        ],
      },
    })
    expect(new Set(error.detail['backendIds'] as string[]).size).toBe(3)
    expect(error.message).toMatch(
      /^request r1 failed at b\d, after 3 attempts in all \(no retries are left\): failure 3$/,
    )
  })
})

describe('a deadline that passed while the process stood still', () => {
  /** Time goes on, and no timer fires yet. */
  const stall = (clock: { time: number }): void => {
    clock.time += 5_000
  }

  it('ends a request that waits for a slot: it does not begin any more, and the next one does', async () => {
    const { lb, clock } = fleet(1, {}, () => ({ maxConnections: 1 }))
    const held = lb.pick()
    const call = vi.fn<() => number>()
    const late = watch(lb.route({ timeoutMs: 100 }, call))
    const next = lb.route({ timeoutMs: 60_000 }, () => 'served')
    stall(clock)
    held.done()
    await expect(late).rejects.toMatchObject({
      code: 'ERR_AETHER_DEADLINE_EXCEEDED',
      detail: { waitsFor: 'slot' },
    })
    expect((await next).value).toBe('served')
    expect(call).not.toHaveBeenCalled()
    expect(counts(lb)).toMatchObject({ active: 0, total: 2 })
  })

  it('ends a request that pauses before a retry', async () => {
    const { lb, clock } = fleet(3, { retry: { baseMs: 50 }, random: () => 0.9 })
    const call = vi.fn<() => never>(() => raise(new Error('down')))
    const routed = watch(lb.route({ ...idempotent, timeoutMs: 100 }, call))
    stall(clock)
    await clock.pass(0)
    await expect(routed).rejects.toMatchObject({
      code: 'ERR_AETHER_DEADLINE_EXCEEDED',
      detail: { waitsFor: 'retry' },
    })
    expect(call).toHaveBeenCalledTimes(1)
    await clock.pass(10_000)
    expect(clock.pending).toBe(0)
    expect((lb as unknown as { router: { budget: { active: number } } }).router.budget.active).toBe(0)
  })

  it('is no time for a second attempt', async () => {
    const { lb, clock } = fleet(3, { hedge: { initialMs: 50 } })
    const call = vi.fn<() => Promise<number>>(() => never())
    const routed = watch(lb.route({ ...idempotent, timeoutMs: 100 }, call))
    stall(clock)
    await clock.pass(0)
    await expect(routed).rejects.toThrow(code('DEADLINE_EXCEEDED'))
    expect(call).toHaveBeenCalledTimes(1)
    expect(lb.getLoadDistribution()).toMatchObject({ hedges: 0, active: 0 })
  })
})

describe('an error says', () => {
  const down = (): never => {
    throw new Error('down')
  }

  it.each([
    ['not-safe', 3, {}, { method: 'POST' }],
    ['retries-used-up', 3, { retry: { maxRetries: 1 } }, idempotent],
    ['no-other-backend', 1, {}, idempotent],
    ['no-time', 3, { retry: { baseMs: 500 }, random: () => 0.9 }, { ...idempotent, timeoutMs: 100 }],
    ['no-budget', 3, { retry: { budget: 0, minConcurrent: 0 } }, idempotent],
  ] as const)('why there was no other attempt: %s', async (notRetried, count, options, request) => {
    const { lb, clock } = fleet(count, options)
    const routed = watch(lb.route(request, down))
    await clock.pass(2_000)
    await expect(routed).rejects.toMatchObject({ code: 'ERR_AETHER_ROUTE_FAILED', detail: { notRetried } })
    await expect(routed).rejects.toHaveProperty('cause.message', 'down')
  })

  it('how an attempt failed, also where its error has but a code', async () => {
    const { lb } = fleet(1)
    // As of a name with several addresses, none of which can be connected to.
    const refused = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' })
    await expect(lb.route({}, () => Promise.reject(refused))).rejects.toMatchObject({
      message: 'the request failed at b0, after 1 attempt in all (no other backend takes it): ECONNREFUSED',
      detail: { failures: [{ error: 'ECONNREFUSED', code: 'ECONNREFUSED' }] },
    })
  })

  it('that no slot was to be had for another attempt, and how the last one failed', async () => {
    const { lb, clock } = fleet(2, { queue: { limit: 0 } }, () => ({ maxConnections: 1 }))
    const routed = watch(lb.route(idempotent, down))
    const others = [lb.pick(), lb.pick()]
    await clock.pass(1_000)
    await expect(routed).rejects.toMatchObject({
      code: 'ERR_AETHER_ROUTE_FAILED',
      cause: { message: 'down' },
      retryable: true,
      detail: { attempts: 1, notRetried: 'no-slot' },
    })
    for (const lease of others) lease.done()
  })

  it('what a request waited for until its deadline', async () => {
    const busy = fleet(1, {}, () => ({ maxConnections: 1 }))
    busy.lb.pick()
    const queued = watch(busy.lb.route({ timeoutMs: 100, id: 'q' }, () => 1))
    await busy.clock.pass(200)
    await expect(queued).rejects.toThrow(
      'request q was not answered within 100 ms; no slot became free for it: add backends, or raise their maxConnections',
    )
    await expect(queued).rejects.toMatchObject({ detail: { attempts: 0, waitsFor: 'slot' } })

    const { lb, clock } = fleet(2, { requestTimeoutMs: 300, attemptTimeoutMs: 200 })
    const slow = watch(lb.route({ ...idempotent, id: 's' }, () => never()))
    await clock.pass(500)
    await expect(slow).rejects.toThrow(
      /^request s was not answered within 300 ms; 2 attempts made, the last at b\d:/,
    )
    await expect(slow).rejects.toMatchObject({
      cause: { code: 'ERR_AETHER_ATTEMPT_TIMEOUT' },
      detail: { attempts: 2, failures: [{ code: 'ERR_AETHER_ATTEMPT_TIMEOUT' }] },
    })
  })

  it('that the algorithm threw, and goes on with the next request', async () => {
    let throws = true
    class Mine implements Strategy {
      readonly name = 'mine'
      private eligible: Parameters<Strategy['update']>[0]['eligible'] = []
      update({ eligible }: Parameters<Strategy['update']>[0]): void {
        this.eligible = eligible
      }
      pick: Strategy['pick'] = (picking) => {
        if (throws) throw new Error('oops')
        return this.eligible.find((backend) => picking.accepts(backend))
      }
    }
    const { lb, clock } = fleet(2, { algorithm: () => new Mine(), hedge: { initialMs: 10 } }, () => ({
      maxConnections: 1,
    }))
    const failure = { code: 'ERR_AETHER_ALGORITHM_INVALID', cause: { message: 'oops' } }
    await expect(lb.route({}, () => 1)).rejects.toMatchObject(failure)
    expect(() => lb.pick()).toThrow(code('ALGORITHM_INVALID'))
    throws = false
    const leases = [lb.pick(), lb.pick()]
    const queued = watch(lb.route({}, () => 1))
    throws = true
    leases[0]!.done()
    await expect(queued).rejects.toMatchObject(failure)
    throws = false
    const slow = lb.route(idempotent, async () => {
      throws = true
      await new Promise<void>((resolve) => clock.setTimer(resolve, 100))
      return 'slow'
    })
    await clock.pass(200)
    expect((await slow).value).toBe('slow')
    leases[1]!.done()
    await clock.pass(60_000)
    expect(clock.pending).toBe(0)
    expect(counts(lb).active).toBe(0)
  })
})

describe('on the machine’s clock', () => {
  it('aborts what is under way when the deadline comes', async () => {
    const lb = createBalancer({ requestTimeoutMs: 30 })
    lb.add({ host: '127.0.0.1', port: 9 })
    const keepAlive = setInterval(() => {}, 1_000)
    const aborted = vi.fn<(reason: unknown) => void>()
    await expect(
      lb.route(
        {},
        ({ signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              aborted(signal.reason)
              reject(signal.reason)
            })
          }),
      ),
    ).rejects.toThrow(code('DEADLINE_EXCEEDED'))
    expect(aborted).toHaveBeenCalledWith(code('DEADLINE_EXCEEDED'))
    await settle()
    await lb.close()
    clearInterval(keepAlive)
  })
})
