import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTask } from '../../src/define/define-task.ts'
import { exponential, fixed } from '../../src/define/backoff.ts'
import { AetherError } from '../../src/errors.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, gate, setUp, untilAborted, work } from '../support/settings.ts'

const patient = defineTask({ job: 'test', task: 'patient', attempts: 3, backoff: fixed(100) })

describe('a handler that throws', () => {
  it('is called again after the backoff, until the attempts are used up', async () => {
    const { aether, clock, hub } = setUp()
    const attempts: number[] = []
    await work(aether, patient, (_input, ctx) => {
      attempts.push(ctx.attempt)
      throw new Error(`failure ${ctx.attempt}`)
    })
    const run = aether.perform(patient)
    await run.accepted
    await settleDown()
    expect(attempts).toEqual([1])
    await clock.advance(90)
    expect(attempts).toEqual([1])
    await clock.advance(20)
    expect(attempts).toEqual([1, 2])
    await clock.advance(200)
    expect(attempts).toEqual([1, 2, 3])
    expect(await run.settle()).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_AETHER_TASK_FAILED', message: 'failure 3' },
    })
    expect(hub.deadLetters).toEqual([run.tid])
  })

  it('waits as the backoff says, with the injected chance', async () => {
    const { aether, hub } = setUp()
    const delays: unknown[] = []
    hub.before.release = (_tid, options) => void delays.push(options.delayMs)
    const task = defineTask({ job: 'test', task: 'jitter', backoff: exponential(1_000, { jitter: 0.5 }) })
    await work(aether, task, () => {
      throw new Error('no')
    })
    const run = aether.perform(task)
    await run.accepted
    await settleDown()
    expect(delays).toEqual([750])
    await run.cancel()
  })

  it('succeeds when a later attempt does', async () => {
    const { aether, clock } = setUp()
    await work(aether, patient, (_input, ctx) => {
      if (ctx.attempt === 1) throw new Error('first')
      return ctx.fence
    })
    const run = aether.perform(patient)
    await run.accepted
    await clock.advance(200)
    expect(await run.settle()).toMatchObject({ status: 'succeeded', value: 2, attempt: 2 })
  })

  it.each([
    [
      'an error with retryable: false',
      Object.assign(new Error('never'), { retryable: false }),
      'ERR_AETHER_TASK_FAILED',
    ],
    ['an AetherError', new AetherError('ERR_AETHER_RATE_LIMITED', 'slow down'), 'ERR_AETHER_RATE_LIMITED'],
  ])('is not called again after %s', async (_name, error, code) => {
    const { aether, hub } = setUp()
    let calls = 0
    await work(aether, patient, () => {
      calls += 1
      throw error
    })
    const run = aether.perform(patient)
    await expect(run).rejects.toMatchObject({ code })
    expect(calls).toBe(1)
    expect(hub.deadLetters).toEqual([run.tid])
  })

  it('fails its task at once where the engine keeps no dead letters, too', async () => {
    const { aether, hub, log } = setUp({ capabilities: { deadLetter: false } })
    await work(aether, patient, () => {
      throw Object.assign(new Error('never'), { retryable: false })
    })
    const run = aether.perform(patient)
    await expect(run).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_FAILED', message: 'never' })
    expect(hub.deadLetters).toEqual([])
    expect(log).toEqual([])
  })

  it('may throw anything', async () => {
    const { aether } = setUp()
    const once = defineTask({ job: 'test', task: 'once', attempts: 1 })
    await work(aether, once, (input) => {
      throw input
    })
    await expect(aether.perform(once, 'text')).rejects.toMatchObject({
      code: 'ERR_AETHER_TASK_FAILED',
      message: 'text',
    })
    await expect(aether.perform(once, null)).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_FAILED' })
  })

  it('is retried at once where its backoff is no number', async () => {
    const { aether } = setUp()
    const odd = defineTask({ job: 'test', task: 'odd', backoff: () => Number.NaN })
    await work(aether, odd, (_input, ctx) => {
      if (ctx.attempt === 1) throw new Error('first')
      return 'second'
    })
    expect(await aether.perform(odd)).toBe('second')
  })
})

describe('what a handler returns', () => {
  const checked = defineTask({
    job: 'test',
    task: 'checked',
    output: z.string().transform((text) => text.length),
  })

  it('is what the schema makes of it', async () => {
    const { aether } = setUp()
    await work(aether, checked, () => 'four')
    expect(await aether.perform(checked)).toBe(4)
  })

  it('is refused where it does not match', async () => {
    const { aether } = setUp()
    await work(aether, checked, () => 5 as never)
    await expect(aether.perform(checked)).rejects.toMatchObject({ code: 'ERR_AETHER_OUTPUT_INVALID' })
  })

  it('is refused where it cannot be encoded', async () => {
    const { aether, hub } = setUp()
    await work(aether, echo, () => ({ count: 1n }))
    const run = aether.perform(echo)
    await expect(run).rejects.toMatchObject({ code: 'ERR_AETHER_PAYLOAD_UNENCODABLE' })
    expect(hub.deadLetters).toEqual([run.tid])
  })

  it('is refused where it is too large', async () => {
    const { aether } = setUp()
    await work(aether, echo, () => 'x'.repeat(2 * 1_024 * 1_024))
    await expect(aether.perform(echo)).rejects.toMatchObject({ code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' })
  })

  it('fails the task where only the engine knows that it is too large', async () => {
    const { aether, hub } = setUp()
    const acked: string[] = []
    hub.before.ack = ({ status, body }) => {
      acked.push(status)
      if ((body?.length ?? 0) > 1_000)
        throw new AetherError('ERR_AETHER_PAYLOAD_TOO_LARGE', 'over the limit of the broker')
    }
    const worker = await work(aether, echo, () => 'x'.repeat(2_000))
    const run = aether.perform(echo)
    await expect(run).rejects.toMatchObject({ code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' })
    expect(acked).toEqual(['succeed', 'failed'])
    expect(hub.deadLetters).toEqual([run.tid])
    expect(worker.stats).toMatchObject({ active: 0, succeeded: 0, failed: 1 })
  })

  it('may be nothing, bytes, or of a thenable', async () => {
    const { aether } = setUp()
    await work(aether, echo, (input) => (input === 'nothing' ? undefined : input))
    expect(await aether.perform(echo, 'nothing')).toBeUndefined()
    expect(await aether.perform(echo, new Uint8Array([1, 2, 255]))).toEqual(new Uint8Array([1, 2, 255]))
    expect(await aether.perform(echo, null)).toBeNull()
  })
})

describe('what a handler receives', () => {
  const dated = defineTask({
    job: 'test',
    task: 'dated',
    input: z.object({ at: z.string().transform((at) => new Date(at)) }),
  })

  it('is what the schema makes of what was sent', async () => {
    const { aether } = setUp()
    await work(aether, dated, ({ at }) => at.getUTCFullYear())
    expect(await aether.perform(dated, { at: '2026-01-01T00:00:00Z' })).toBe(2026)
  })

  it('is validated again: a caller of another version does not get through', async () => {
    const { aether } = setUp()
    const careless = defineTask({ job: 'test', task: 'dated' })
    await work(aether, dated, () => 'reached')
    await expect(aether.perform(careless, { at: 5 })).rejects.toMatchObject({
      code: 'ERR_AETHER_INPUT_INVALID',
    })
  })

  it('has a context: route, headers, deadline, log', async () => {
    const { aether, clock, log } = setUp()
    await work(aether, echo, (_input, ctx) => {
      ctx.log.info('here')
      const { route, headers, deadline, remainingMs, workgroup, attempt, fence, tid } = ctx
      return { route, headers, deadline, remainingMs, workgroup, attempt, fence, tid }
    })
    const run = aether.perform(echo, 1, { context: 'prod', headers: { tenant: 'a' }, deadlineMs: 5_000 })
    expect(await run).toEqual({
      route: { union: 'u', job: 'test', task: 'echo', context: 'prod' },
      headers: { tenant: 'a' },
      deadline: clock.now() + 5_000,
      remainingMs: 5_000,
      workgroup: 'workers',
      attempt: 1,
      fence: 1,
      tid: run.tid,
    })
    expect(log).toContain('info here')
  })
})

describe('a handler that never returns', () => {
  it('is told to stop when its attempt takes too long, and the task goes on', async () => {
    const { aether, clock } = setUp()
    const reasons: unknown[] = []
    await work(
      aether,
      patient,
      (_input, ctx) => {
        if (ctx.attempt > 1) return 'second'
        ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason))
        return new Promise(() => {})
      },
      { attemptTimeoutMs: 200 },
    )
    const run = aether.perform(patient)
    await run.accepted
    await clock.advance(400)
    expect(await run.settle()).toMatchObject({ status: 'succeeded', value: 'second', attempt: 2 })
    expect(reasons).toMatchObject([{ code: 'ERR_AETHER_ATTEMPT_TIMEOUT' }])
  })

  it('fails with ERR_AETHER_ATTEMPT_TIMEOUT when no attempt was fast enough', async () => {
    const { aether, clock } = setUp()
    await work(aether, patient, () => new Promise(() => {}), { attemptTimeoutMs: 200 })
    const run = aether.perform(patient)
    await run.accepted
    await clock.advance(2_000)
    expect(await run.settle()).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_AETHER_ATTEMPT_TIMEOUT' },
    })
  })

  it('is told to stop at the deadline, also where the engine does not say so', async () => {
    const { aether, clock, hub } = setUp()
    hub.expire = () => {}
    const reasons: unknown[] = []
    await work(aether, echo, (_input, ctx) =>
      untilAborted(ctx.signal).catch((reason: unknown) => reasons.push(reason)),
    )
    const run = aether.perform(echo, 1, { deadlineMs: 300 })
    await run.accepted
    await clock.advance(400)
    expect(reasons).toMatchObject([{ code: 'ERR_AETHER_DEADLINE_EXCEEDED' }])
    expect(run.settlement).toMatchObject({
      status: 'expired',
      error: { code: 'ERR_AETHER_DEADLINE_EXCEEDED' },
    })
  })
})

describe('leases', () => {
  it('are renewed every third, for as long as the handler works', async () => {
    const { aether, clock, hub } = setUp()
    const renewals: number[] = []
    hub.before.renew = () => void renewals.push(clock.monotonic())
    const opened = gate()
    await work(aether, echo, () => opened.promise, { leaseMs: 3_000 })
    const run = aether.perform(echo)
    await run.accepted
    await clock.advance(3_500)
    expect(renewals).toHaveLength(3)
    opened.open()
    await run
    await clock.advance(5_000)
    expect(renewals).toHaveLength(3)
  })

  it('that are lost abort the signal; what the handler returns then counts for nothing', async () => {
    const { aether, clock, hub } = setUp()
    const opened = gate<string>()
    const reasons: unknown[] = []
    const worker = await work(aether, echo, (_input, ctx) => {
      if (ctx.attempt > 1) return 'second'
      ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason))
      return opened.promise
    })
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    hub.revoke(run.tid, 'ERR_AETHER_LEASE_LOST')
    opened.open('first')
    expect(await run).toBe('second')
    expect(reasons).toMatchObject([{ code: 'ERR_AETHER_LEASE_LOST' }])
    await clock.advance(100)
    expect(worker.stats).toMatchObject({ active: 0, returned: 1, succeeded: 1 })
  })

  it('that cannot be renewed are lost', async () => {
    const { aether, clock, hub } = setUp()
    let renewals = 0
    hub.before.renew = () => {
      renewals += 1
      throw new AetherError(renewals === 1 ? 'ERR_AETHER_TRANSPORT_LOST' : 'ERR_AETHER_LEASE_LOST', 'no')
    }
    const reasons: unknown[] = []
    await work(
      aether,
      echo,
      (_input, ctx) => untilAborted(ctx.signal).catch((reason: unknown) => reasons.push(reason)),
      {
        leaseMs: 300,
      },
    )
    const run = aether.perform(echo)
    await run.accepted
    await clock.advance(150)
    expect(reasons).toEqual([])
    await clock.advance(100)
    expect(reasons).toMatchObject([{ code: 'ERR_AETHER_LEASE_LOST' }])
    await run.cancel()
  })

  it('that a report finds lost are lost, and what the handler throws then is no failure', async () => {
    const { aether, hub } = setUp()
    let reports = 0
    hub.before.report = () => {
      reports += 1
      if (reports === 1) throw new AetherError('ERR_AETHER_LEASE_LOST', 'the lease is gone')
    }
    const reasons: unknown[] = []
    const worker = await work(aether, echo, async (_input, ctx) => {
      if (ctx.attempt === 1) ctx.signal.addEventListener('abort', () => reasons.push(ctx.signal.reason))
      await ctx.status(50)
      return 'second'
    })
    const run = aether.perform(echo)
    await settleDown()
    expect(reasons).toHaveLength(1)
    // The engine's own word for it comes last.
    hub.revoke(run.tid, 'ERR_AETHER_LEASE_LOST')
    expect(await run).toBe('second')
    expect(reasons).toMatchObject([{ code: 'ERR_AETHER_LEASE_LOST' }])
    expect(worker.stats).toMatchObject({ returned: 1, failed: 0, succeeded: 1 })
  })

  it('give a signal that is aborted already to one who asks late, and refuse its progress', async () => {
    const { aether, hub } = setUp()
    const opened = gate()
    const seen: unknown[] = []
    await work(aether, echo, async (_input, ctx) => {
      if (ctx.attempt > 1) return
      await opened.promise
      seen.push(ctx.signal.aborted, ctx.signal.reason)
      await ctx.progress(1).catch((error: unknown) => seen.push(error))
    })
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    hub.revoke(run.tid, 'ERR_AETHER_LEASE_LOST')
    opened.open()
    await run
    await settleDown()
    expect(seen).toMatchObject([true, { code: 'ERR_AETHER_LEASE_LOST' }, { code: 'ERR_AETHER_LEASE_LOST' }])
  })
})

describe('nested performs', () => {
  const inner = defineTask({ job: 'test', task: 'inner', deadlineMs: 30_000 })

  it('inherit the remaining deadline, the trace and the headers given', async () => {
    const { aether, clock } = setUp()
    await work(aether, inner, (_input, ctx) => ({ remainingMs: ctx.remainingMs, headers: ctx.headers }))
    await work(aether, echo, (_input, ctx) => ctx.perform(inner, 1, { headers: { own: '1' } }))
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    expect(
      await aether.perform(echo, 1, { deadlineMs: 2_000, headers: { traceparent, secret: 's' } }),
    ).toEqual({
      remainingMs: 2_000,
      headers: { own: '1', traceparent },
    })
    expect(clock.monotonic()).toBe(0)
  })

  it('keep a deadline of their own where it is earlier', async () => {
    const { aether } = setUp()
    await work(aether, inner, (_input, ctx) => ctx.remainingMs)
    await work(aether, echo, (_input, ctx) => ctx.perform(inner, 1, { deadlineMs: 700 }))
    expect(await aether.perform(echo)).toBe(700)
  })

  it('are cancelled with the outer task', async () => {
    const { aether } = setUp()
    const reasons: unknown[] = []
    await work(aether, inner, (_input, ctx) =>
      untilAborted(ctx.signal).catch((reason: unknown) => reasons.push(reason)),
    )
    await work(aether, echo, (_input, ctx) => ctx.perform(inner, 1))
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    await settleDown()
    await run.cancel('outer')
    await settleDown()
    await settleDown()
    expect(reasons).toMatchObject([{ code: 'ERR_AETHER_TASK_CANCELLED' }])
    expect(aether.ledger).toMatchObject({ performed: 2, cancelled: 2 })
  })
})
