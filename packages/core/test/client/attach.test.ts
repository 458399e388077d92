import { describe, expect, it } from 'vitest'

import { createAether } from '../../src/app/create-aether.ts'
import { defineTask } from '../../src/define/define-task.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, gate, setUp, work } from '../support/settings.ts'

describe('attach', () => {
  it('follows a run of another application to its end', async () => {
    const { aether, hub, clock } = setUp()
    const opened = gate<string>()
    await work(aether, echo, async (_input, ctx) => {
      const value = await opened.promise
      await ctx.progress('nearly')
      return value
    })
    const run = aether.perform(echo)
    await run.accepted
    const other = createAether({ union: 'u', name: 'other', transport: hub.transport(), clock })
    const attached = other.attach(echo, run.tid)
    expect(await attached.accepted).toEqual({ deduplicated: true })
    opened.open('both')
    expect(await Promise.all([run, attached])).toEqual(['both', 'both'])
    for await (const value of attached.progress) expect(value).toBe('nearly')
    expect(other.ledger.performed).toBe(0)
    expect(await other.attach(echo, run.tid)).toBe('both')
  })

  it('can cancel it', async () => {
    const { aether, hub, clock } = setUp()
    const run = aether.perform(echo, 1, { waitForWorkers: true })
    await run.accepted
    const other = createAether({ union: 'u', transport: hub.transport(), clock })
    expect(await other.attach(echo, run.tid).cancel('elsewhere')).toMatchObject({ status: 'cancelled' })
    await settleDown()
    expect(run.settlement).toMatchObject({ status: 'cancelled' })
  })

  it('fails for a tid that nobody knows, and so does cancelling it', async () => {
    const { aether } = setUp()
    await expect(aether.attach(echo, 'unknown')).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_UNKNOWN' })
    expect(await aether.attach(echo, 'unknown').cancel()).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_AETHER_TASK_UNKNOWN' },
    })
  })

  it('is bounded by a deadline of its own', async () => {
    const { aether, clock } = setUp()
    const run = aether.perform(echo, 1, { waitForWorkers: true, deadlineMs: 60_000 })
    await run.accepted
    const attached = aether.attach(echo, run.tid, { deadlineMs: 100 })
    await clock.advance(1_300)
    expect(attached.settlement).toMatchObject({ status: 'expired' })
    expect(run.settlement).toBeUndefined()
  })

  it('needs a transport that keeps results', async () => {
    const { aether, transport } = setUp()
    Object.assign(transport, { capabilities: { ...transport.capabilities, results: false } })
    await expect(aether.attach(echo, 'any')).rejects.toMatchObject({
      code: 'ERR_AETHER_CAPABILITY_UNSUPPORTED',
    })
  })

  it('refuses a tid that an open run of another task has', async () => {
    const { aether } = setUp()
    const run = aether.perform(echo, 1, { waitForWorkers: true })
    await run.accepted
    await expect(aether.attach(defineTask({ job: 'test', task: 'other' }), run.tid)).rejects.toMatchObject({
      code: 'ERR_AETHER_TASK_DUPLICATE',
    })
    expect(run.settlement).toBeUndefined()
  })

  it('refuses what is no tid', async () => {
    const { aether } = setUp()
    await expect(aether.attach(echo, 5 as never)).rejects.toMatchObject({ code: 'ERR_AETHER_NAME_INVALID' })
  })
})
