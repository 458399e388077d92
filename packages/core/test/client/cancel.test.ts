import { describe, expect, it } from 'vitest'

import { AetherError } from '../../src/errors.ts'
import type { TaskContext } from '../../src/worker/worker.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, gate, setUp, untilAborted, work } from '../support/settings.ts'

describe('cancel', () => {
  it('reaches the handler, and resolves when the task is over', async () => {
    const { aether } = setUp()
    const reasons: unknown[] = []
    await work(aether, echo, async (_input, ctx) => {
      await untilAborted(ctx.signal).catch((reason: unknown) => reasons.push(reason))
    })
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    const settlement = await run.cancel('enough')
    expect(settlement).toMatchObject({ status: 'cancelled', error: { code: 'ERR_AETHER_TASK_CANCELLED' } })
    expect(reasons).toMatchObject([{ code: 'ERR_AETHER_TASK_CANCELLED', detail: { reason: 'enough' } }])
    await expect(run).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_CANCELLED' })
  })

  it('ends a task that nobody has begun', async () => {
    const { aether } = setUp()
    const run = aether.perform(echo, 1, { waitForWorkers: true })
    await run.accepted
    expect(await run.cancel()).toMatchObject({ status: 'cancelled', worker: undefined })
  })

  it('ends a run that was not sent yet, without sending it', async () => {
    const { aether, transport, hub } = setUp()
    const connected = gate()
    transport.connecting = connected.promise
    const run = aether.perform(echo)
    expect(await run.cancel('too slow')).toMatchObject({ status: 'cancelled' })
    connected.open()
    await settleDown()
    expect(hub.tasks.size).toBe(0)
  })

  it('waits for the receipt of a task that is being sent', async () => {
    const { aether, hub } = setUp()
    await aether.start()
    const sent = gate()
    hub.before.send = () => sent.promise
    const run = aether.perform(echo, 1, { waitForWorkers: true })
    const cancelled = run.cancel('changed my mind')
    await settleDown()
    expect(run.settlement).toBeUndefined()
    sent.open()
    expect(await cancelled).toMatchObject({ status: 'cancelled' })
  })

  it('tells how it ended where it was over before', async () => {
    const { aether } = setUp()
    await work(aether, echo, (input) => input)
    const run = aether.perform(echo, 'done')
    await run
    expect(await run.cancel()).toMatchObject({ status: 'succeeded', value: 'done' })
  })

  it('ends where the engine knows nothing of the task any more', async () => {
    const { aether, hub, clock } = setUp()
    const run = aether.perform(echo, 1, { waitForWorkers: true })
    await run.accepted
    hub.tasks.clear()
    const cancelled = run.cancel()
    await clock.advance(1_100)
    expect(await cancelled).toMatchObject({ status: 'failed', error: { code: 'ERR_AETHER_TASK_UNKNOWN' } })
  })

  it('stays bounded by the deadline when the request is lost', async () => {
    const { aether, transport, clock, log } = setUp()
    const run = aether.perform(echo, 1, { waitForWorkers: true, deadlineMs: 5_000 })
    await run.accepted
    transport.cancel = () => Promise.reject(new AetherError('ERR_AETHER_TRANSPORT_LOST', 'gone'))
    const cancelled = run.cancel()
    await clock.advance(7_000)
    expect(await cancelled).toMatchObject({ status: 'expired' })
    expect(log).toContain('warn cancel was not delivered')
  })
})

describe('options.signal', () => {
  it('cancels the run, with its reason', async () => {
    const { aether } = setUp()
    let ctx: TaskContext | undefined
    await work(aether, echo, (_input, given) => {
      ctx = given
      return untilAborted(given.signal)
    })
    const controller = new AbortController()
    const run = aether.perform(echo, 1, { signal: controller.signal })
    await run.accepted
    await settleDown()
    controller.abort(new Error('window closed'))
    await expect(run).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_CANCELLED' })
    expect(ctx?.signal.reason).toMatchObject({ detail: { reason: 'window closed' } })
  })

  it('is looked at first', async () => {
    const { aether, transport } = setUp()
    const run = aether.perform(echo, 1, { signal: AbortSignal.abort('no') })
    await expect(run).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_CANCELLED' })
    expect(transport.starts).toBe(0)
    expect(aether.ledger).toMatchObject({ performed: 1, cancelled: 1 })
  })

  it('cancels also what the engine may have taken while it was aborted', async () => {
    const { aether, transport, hub } = setUp()
    await aether.start()
    const controller = new AbortController()
    const send = transport.send.bind(transport)
    transport.send = async (task) => {
      await send(task)
      throw controller.signal.reason
    }
    const run = aether.perform(echo, 1, { signal: controller.signal, waitForWorkers: true, tid: 'late' })
    controller.abort()
    expect(await run.settle()).toMatchObject({ status: 'cancelled' })
    await settleDown()
    expect(hub.tasks.get('late')?.complete?.status).toBe('cancelled')
  })
})
