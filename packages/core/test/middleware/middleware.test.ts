import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTask } from '../../src/define/define-task.ts'
import type { AetherError } from '../../src/errors.ts'
import type { Middleware } from '../../src/middleware/middleware.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, setUp, untilAborted, work } from '../support/settings.ts'

describe('middleware', () => {
  it('runs around both sides, from outside in', async () => {
    const order: string[] = []
    const named =
      (name: string): Middleware =>
      async (call, next) => {
        order.push(`${name} ${call.side} in`)
        const output = await next()
        order.push(`${name} ${call.side} out`)
        return output
      }
    const { aether } = setUp({ middleware: [named('a'), named('b')] })
    await work(aether, echo, () => void order.push('handler'), { middleware: [named('w')] })
    await aether.perform(echo)
    expect(order).toEqual([
      'a client in',
      'b client in',
      'a worker in',
      'b worker in',
      'w worker in',
      'handler',
      'w worker out',
      'b worker out',
      'a worker out',
      'b client out',
      'a client out',
    ])
  })

  it('may change input, headers and output', async () => {
    const { aether } = setUp({
      middleware: [
        async (call, next) => {
          if (call.side === 'client') {
            call.input = `${String(call.input)}!`
            call.headers['tenant'] = 'a'
          } else call.headers['seen'] = 'yes'
          return [call.side, await next()]
        },
      ],
    })
    await work(aether, echo, (input, ctx) => ({ input, headers: ctx.headers }))
    expect(await aether.perform(echo, 'hi')).toEqual([
      'client',
      ['worker', { input: 'hi!', headers: { tenant: 'a', seen: 'yes' } }],
    ])
  })

  it('may answer by itself: nothing is sent', async () => {
    const { aether, transport } = setUp({ middleware: [() => Promise.resolve('cached')] })
    const run = aether.perform(echo)
    expect(await run).toBe('cached')
    expect(await run.accepted).toEqual({ deduplicated: false })
    expect(transport.starts).toBe(0)
    expect(aether.ledger).toMatchObject({ performed: 1, succeeded: 1 })
  })

  it('that throws fails the task, at once or not', async () => {
    for (const broken of [
      () => {
        throw new Error('at once')
      },
      () => Promise.reject(new Error('later')),
    ] as Middleware[]) {
      const { aether } = setUp({ middleware: [broken] })
      await expect(aether.perform(echo)).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_FAILED' })
      expect(aether.ledger).toMatchObject({ failed: 1, open: 0 })
    }
  })

  it('may make a success of a failure, and a failure of a success', async () => {
    const { aether } = setUp({
      middleware: [
        async (call, next) => {
          if (call.side === 'worker') return next()
          const output = await next().catch((error: AetherError) => error.code)
          if (output === 'fine') throw new Error('too fine')
          return output
        },
      ],
    })
    await work(aether, echo, (input) => input)
    expect(await aether.perform(echo, 1, { workgroup: 'nobody' })).toBe('ERR_AETHER_WORKERS_NONE')
    await expect(aether.perform(echo, 'fine')).rejects.toThrow('too fine')
    expect(aether.ledger).toMatchObject({ succeeded: 1, failed: 1, open: 0 })
  })

  it('sees failures before sending, and keeps how the task ended', async () => {
    const codes: string[] = []
    const checked = defineTask({ job: 'test', task: 'checked', input: z.number() })
    const { aether } = setUp({
      middleware: [
        (_call, next) =>
          next().catch((error: AetherError) => {
            codes.push(error.code)
            throw error
          }),
      ],
    })
    await aether.perform(checked, 'x' as never).settle()
    const run = aether.perform(echo, 1, { waitForWorkers: true })
    await run.accepted
    expect(await run.cancel()).toMatchObject({ status: 'cancelled' })
    expect(codes).toEqual(['ERR_AETHER_INPUT_INVALID', 'ERR_AETHER_TASK_CANCELLED'])
  })

  it('that calls next twice is told so', async () => {
    const { aether } = setUp({
      middleware: [
        async (call, next) => {
          if (call.side === 'worker') return next()
          await next()
          return next()
        },
      ],
    })
    await work(aether, echo, (input) => input)
    await expect(aether.perform(echo)).rejects.toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
  })

  it('that never ends is bounded by the deadline', async () => {
    const { aether, clock } = setUp({ middleware: [() => new Promise(() => {})] })
    const before = aether.perform(echo, 1, { deadlineMs: 500 })
    await clock.advance(600)
    expect(before.settlement).toMatchObject({ status: 'expired' })

    const after = setUp({
      middleware: [
        async (call, next) => {
          await next()
          return call.side === 'worker' ? 1 : new Promise(() => {})
        },
      ],
    })
    await work(after.aether, echo, (input) => input)
    const run = after.aether.perform(echo, 1, { deadlineMs: 500 })
    await settleDown()
    await after.clock.advance(2_700)
    expect(run.settlement).toMatchObject({ status: 'expired' })
    expect(after.clock.pending).toBe(0)
  })

  it('on the worker fails the attempt, which is tried again', async () => {
    const { aether, clock } = setUp()
    let calls = 0
    await work(aether, echo, () => 'second', {
      middleware: [
        (_call, next) => {
          calls += 1
          if (calls === 1) throw new Error('first')
          return next()
        },
      ],
    })
    const run = aether.perform(echo)
    await run.accepted
    await clock.advance(2_000)
    expect(await run).toBe('second')
  })

  it('does not see an end twice', async () => {
    const { aether, transport } = setUp({ middleware: [(_call, next) => next()] })
    await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal))
    const run = aether.perform(echo)
    await run.accepted
    const complete = {
      action: 'complete' as const,
      status: 'succeed' as const,
      route: { union: 'u', job: 'test', task: 'echo', context: 'x' },
      tid: run.tid,
      attempt: 1,
      workgroup: 'workers',
      client: 'w',
      host: 'h',
      codec: 'json' as const,
    }
    transport.hear({ ...complete, body: new TextEncoder().encode('1') })
    transport.hear({ ...complete, body: new TextEncoder().encode('2') })
    expect(await run).toBe(1)
  })
})
