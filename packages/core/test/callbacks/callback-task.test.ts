import { describe, expect, it } from 'vitest'

import { settleDown } from '../support/hand-clock.ts'
import { gate, setUp, untilAborted } from '../support/settings.ts'

describe('aether.task', () => {
  it('performs and works in the shape of the Python library', async () => {
    const { aether } = setUp()
    const told: unknown[] = []
    const worker = aether.task({
      job: 'my_service',
      task: 'process_data',
      context: 'production',
      onPerform: async (ctx, data) => {
        await ctx.status(50)
        await ctx.complete(true, { result: data })
      },
    })
    await worker.idle()
    const client = aether.task({
      job: 'my_service',
      task: 'process_data',
      context: 'production',
      onStatus: (_task, complete, succeed, progress, data) =>
        told.push(['status', complete, succeed, progress, data]),
      onComplete: (task, succeed, data) => told.push(['complete', task.tid, succeed, data]),
    })
    expect(client.tid).toBe('')
    const tid = await client.perform('file')
    await client.run?.settle()
    expect(told).toEqual([
      ['status', false, false, 50, undefined],
      ['status', true, true, 100, { result: 'file' }],
      ['complete', tid, true, { result: 'file' }],
    ])
    await worker.dismiss()
    await expect(client.perform()).rejects.toMatchObject({ code: 'ERR_AETHER_WORKERS_NONE' })
  })

  it('idle called twice resolves each time when tasks are received', async () => {
    const { aether, transport, hub } = setUp()
    const connected = gate()
    transport.connecting = connected.promise
    const task = aether.task({ job: 'j', task: 't', onPerform: () => 1 })
    const first = task.idle()
    const received: number[] = []
    const second = task.idle().then(() => received.push(hub.consumers.size))
    await settleDown()
    expect(received).toEqual([])
    connected.open()
    await Promise.all([first, second])
    expect(received).toEqual([1])
  })

  it('leaves for good, though it became idle again before it had left', async () => {
    const { aether, transport, hub } = setUp()
    const connected = gate()
    transport.connecting = connected.promise
    const task = aether.task({ job: 'j', task: 't', onPerform: () => 1 })
    const first = task.idle()
    const left = task.dismiss()
    const second = task.idle()
    connected.open()
    await expect(first).rejects.toMatchObject({ code: 'ERR_AETHER_WORKER_CLOSED' })
    await Promise.all([left, second])
    expect(hub.consumers.size).toBe(1)
    await task.dismiss()
    expect(hub.consumers.size).toBe(0)
  })

  it('fails for good where the worker completes with false', async () => {
    const { aether } = setUp()
    let calls = 0
    const task = aether.task({
      job: 'a',
      task: 'b',
      onPerform: (ctx) => {
        calls += 1
        return ctx.complete(false, { why: 'no paper' })
      },
      onComplete: (_task, succeed, data) => told.push([succeed, data]),
    })
    const told: unknown[] = []
    await task.idle()
    await task.perform()
    await task.run?.settle()
    expect(told).toEqual([[false, { why: 'no paper' }]])
    expect(calls).toBe(1)
  })

  it('completes with what the callback returned, where it did not say so itself', async () => {
    const { aether } = setUp()
    const task = aether.task({ job: 'a', task: 'b', onPerform: (_ctx, data) => [data] })
    await task.idle()
    await task.idle()
    await task.perform(1)
    expect(await task.run).toEqual([1])
  })

  it('is cancelled on both sides', async () => {
    const { aether } = setUp()
    const told: string[] = []
    const worker = aether.task({
      job: 'a',
      task: 'b',
      onPerform: (ctx) => untilAborted(ctx.signal),
      onCancel: () => told.push('worker'),
    })
    const client = aether.task({ job: 'a', task: 'b', onCancel: () => told.push('client') })
    await worker.idle()
    await client.perform()
    await settleDown()
    await client.cancel('enough')
    await settleDown()
    expect(told.toSorted()).toEqual(['client', 'worker'])
  })

  it('logs callbacks that throw', async () => {
    const { aether, log } = setUp()
    const task = aether.task({
      job: 'a',
      task: 'b',
      onPerform: () => 1,
      onComplete: () => {
        throw new Error('mine')
      },
    })
    await task.idle()
    await task.perform()
    await task.run?.settle()
    expect(log).toContain('error a callback of a task threw')
  })

  it('needs onPerform to be idle, and can try again after a failure', async () => {
    const { aether, transport } = setUp()
    await expect(aether.task({ job: 'a', task: 'b' }).idle()).rejects.toMatchObject({
      code: 'ERR_AETHER_HANDLER_MISSING',
    })
    const task = aether.task({ job: 'a', task: 'b', onPerform: () => 1 })
    const consume = transport.consume.bind(transport)
    transport.consume = () => Promise.reject(new Error('not now'))
    await expect(task.idle()).rejects.toThrow('not now')
    transport.consume = consume
    await task.idle()
    await task.perform()
    expect(await task.run).toBe(1)
  })

  it.each([
    [{ job: 'a/b', task: 'c' }, 'ERR_AETHER_NAME_INVALID'],
    [{ job: 'a', task: 'b', context: '+' }, 'ERR_AETHER_NAME_INVALID'],
    [{ job: 'a', task: 'b', onPerform: 1 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ job: 'a', task: 'b', concurrency: 0 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ job: 'a', task: 'b', deadlineMs: 0 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ job: 'a', task: 'b', on_perform: () => 1 }, 'ERR_AETHER_OPTIONS_INVALID'],
  ])('refuses %o', (options, code) => {
    const { aether } = setUp()
    expect(() => aether.task(options as never)).toThrowError(expect.objectContaining({ code }) as Error)
  })
})
