import { describe, expect, it } from 'vitest'

import type { TaskEvent } from '../../src/listen/listen.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, setUp, work } from '../support/settings.ts'

describe('listen', () => {
  it('hears the tasks of a definition, whoever performs them, with their bodies as values', async () => {
    const { aether } = setUp()
    const events: TaskEvent[] = []
    const listener = await aether.listen(echo, (event) => void events.push(event))
    await work(aether, echo, async (input, ctx) => {
      await ctx.status(30, 'third')
      return input
    })
    const run = aether.perform(echo, 'hi')
    await run
    await settleDown()
    expect(events).toMatchObject([
      { action: 'status', tid: run.tid, status: { percent: 30, data: 'third', attempt: 1, seq: 1 } },
      { action: 'complete', tid: run.tid, settlement: { status: 'succeeded', value: 'hi' } },
    ])
    await listener.close()
    await aether.perform(echo)
    expect(events).toHaveLength(2)
  })

  it('can be limited to one tid', async () => {
    const { aether } = setUp()
    const tids: string[] = []
    await aether.listen(echo, (event) => tids.push(event.tid), { tid: 'mine' })
    await work(aether, echo, (input) => input)
    await aether.perform(echo, 1)
    await aether.perform(echo, 1, { tid: 'mine' })
    await settleDown()
    expect(tids).toEqual(['mine'])
  })

  it('in the shape of the Python library works on tasks', async () => {
    const { aether } = setUp()
    const listener = await aether.listen('test', 'echo', 'batch', 'perform', 'group', async (ctx, data) => {
      await ctx.status(50)
      return [ctx.route.context, data]
    })
    expect(await aether.perform(echo, 1, { context: 'batch', workgroup: 'group' })).toEqual(['batch', 1])
    await listener.close()
    await expect(aether.perform(echo, 1, { context: 'batch', workgroup: 'group' })).rejects.toMatchObject({
      code: 'ERR_AETHER_WORKERS_NONE',
    })
  })

  it('logs a handler that throws, and goes on', async () => {
    const { aether, log } = setUp()
    let calls = 0
    await aether.listen('test', '+', '+', 'complete', 'workers', () => {
      calls += 1
      throw new Error('mine')
    })
    await work(aether, echo, (input) => input)
    await aether.perform(echo)
    await aether.perform(echo)
    await settleDown()
    expect(calls).toBe(2)
    expect(log).toContain('warn an event was not handled')
    log.length = 0
    await aether.listen('test', '+', '+', 'complete', 'workers', () => Promise.reject(new Error('later')))
    await aether.perform(echo)
    await settleDown()
    expect(log.filter((line) => line === 'warn an event was not handled')).toHaveLength(2)
  })

  it.each([
    [['test', 'echo', 'x', 'finish', 'workers', () => {}], 'ERR_AETHER_OPTIONS_INVALID'],
    [['test', 'echo', 'x', 'status', 'workers', 'handler'], 'ERR_AETHER_OPTIONS_INVALID'],
    [['te/st', 'echo', 'x', 'status', 'workers', () => {}], 'ERR_AETHER_NAME_INVALID'],
    [['te/st', 'echo', 'x', 'perform', 'workers', () => {}], 'ERR_AETHER_NAME_INVALID'],
    [[echo, 'handler'], 'ERR_AETHER_OPTIONS_INVALID'],
    [[{}, () => {}], 'ERR_AETHER_OPTIONS_INVALID'],
  ])('refuses %j', async (args, code) => {
    const { aether } = setUp()
    await expect((aether.listen as (...given: unknown[]) => Promise<unknown>)(...args)).rejects.toMatchObject(
      { code },
    )
  })
})
