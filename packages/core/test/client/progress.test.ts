import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTask } from '../../src/define/define-task.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, gate, setUp, work } from '../support/settings.ts'

const count = defineTask({
  job: 'test',
  task: 'count',
  input: z.object({ to: z.number() }),
  progress: z.object({ at: z.number() }),
  attempts: 1,
})

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

describe('run.progress', () => {
  it('yields what the handler reports, and ends with the task', async () => {
    const { aether } = setUp()
    await work(aether, count, async ({ to }, ctx) => {
      for (let at = 1; at <= to; at += 1) await ctx.progress({ at })
    })
    const run = aether.perform(count, { to: 3 }, { progress: 'all' })
    expect(await collect(run.progress)).toEqual([{ at: 1 }, { at: 2 }, { at: 3 }])
  })

  it('keeps the latest value alone by default', async () => {
    const { aether } = setUp()
    await work(aether, count, async ({ to }, ctx) => {
      for (let at = 1; at <= to; at += 1) await ctx.progress({ at })
    })
    const run = aether.perform(count, { to: 100 })
    await run
    expect(await collect(run.progress)).toEqual([{ at: 100 }])
  })

  it('keeps no more than its limit, dropping the oldest', async () => {
    const { aether } = setUp()
    await work(aether, count, async ({ to }, ctx) => {
      for (let at = 1; at <= to; at += 1) await ctx.progress({ at })
    })
    const run = aether.perform(count, { to: 10 }, { progress: 'all', progressLimit: 3 })
    await run
    expect(await collect(run.progress)).toEqual([{ at: 8 }, { at: 9 }, { at: 10 }])
  })

  it('ends quietly when the task fails, and leaves the failure to the result', async () => {
    const { aether } = setUp()
    await work(aether, count, async (_input, ctx) => {
      await ctx.progress({ at: 1 })
      throw new Error('broken')
    })
    const run = aether.perform(count, { to: 1 })
    expect(await collect(run.progress)).toEqual([{ at: 1 }])
    expect(run.settlement).toMatchObject({ status: 'failed' })
  })

  it('lets a reader leave early', async () => {
    const { aether } = setUp()
    const opened = gate()
    await work(aether, count, async (_input, ctx) => {
      await ctx.progress({ at: 1 })
      await opened.promise
      await ctx.progress({ at: 2 })
    })
    const run = aether.perform(count, { to: 1 })
    for await (const value of run.progress) {
      expect(value).toEqual({ at: 1 })
      break
    }
    opened.open()
    await run
    expect(await collect(run.progress)).toEqual([])
  })

  it('drops what arrives twice or late', async () => {
    const { aether, transport } = setUp()
    const opened = gate()
    await work(aether, echo, async (_input, ctx) => {
      await ctx.progress('first')
      await opened.promise
    })
    const run = aether.perform(echo, 1, { progress: 'all' })
    await settleDown()
    const status = {
      action: 'status' as const,
      status: 'progress' as const,
      route: { union: 'u', job: 'test', task: 'echo', context: 'x' },
      tid: run.tid,
      progress: 0,
      workgroup: 'workers',
      client: 'app',
      host: 'h',
      codec: 'json' as const,
      body: new TextEncoder().encode('"again"'),
    }
    transport.hear({ ...status, seq: 1, attempt: 1 })
    transport.hear({ ...status, seq: 9, attempt: 0 })
    transport.hear({ ...status, seq: 1, attempt: 2, workgroup: 'observers' })
    transport.hear({ ...status, seq: 1, attempt: 2, body: new TextEncoder().encode('"retried"') })
    opened.open()
    expect(await collect(run.progress)).toEqual(['first', 'retried'])
  })

  it('passes over what cannot be decoded', async () => {
    const { aether, transport, log } = setUp()
    const opened = gate()
    await work(aether, echo, () => opened.promise)
    const run = aether.perform(echo)
    await run.accepted
    transport.hear({
      action: 'status',
      status: 'progress',
      route: { union: 'u', job: 'test', task: 'echo', context: 'x' },
      tid: run.tid,
      progress: 0,
      seq: 1,
      attempt: 1,
      workgroup: 'workers',
      client: 'app',
      host: 'h',
      codec: 'json',
      body: new TextEncoder().encode('{'),
    })
    opened.open()
    expect(await collect(run.progress)).toEqual([])
    expect(log).toContain('warn progress cannot be decoded and is skipped')
  })
})

describe('ctx.progress', () => {
  it('refuses what the schema refuses, on the worker', async () => {
    const { aether } = setUp()
    await work(aether, count, (_input, ctx) => ctx.progress({ at: 'there' as never }))
    await expect(aether.perform(count, { to: 1 })).rejects.toMatchObject({
      code: 'ERR_AETHER_PROGRESS_INVALID',
    })
  })

  it('resolves when it is accepted, so that the reporter is slowed down', async () => {
    const { aether } = setUp()
    const order: string[] = []
    await work(aether, echo, async (_input, ctx) => {
      await ctx.progress(1)
      order.push('accepted')
    })
    const run = aether.perform(echo, 1, { onStatus: () => order.push('heard') })
    await run
    expect(order).toEqual(['heard', 'accepted'])
  })

  it('refuses a percentage out of range', async () => {
    const { aether } = setUp()
    await work(aether, count, (_input, ctx) => ctx.status(101))
    await expect(aether.perform(count, { to: 1 })).rejects.toMatchObject({
      code: 'ERR_AETHER_OPTIONS_INVALID',
    })
  })
})
