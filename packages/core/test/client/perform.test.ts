import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineTask } from '../../src/define/define-task.ts'
import { AetherError } from '../../src/errors.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, gate, setUp, untilAborted, work } from '../support/settings.ts'

const double = defineTask({
  job: 'test',
  task: 'double',
  input: z.object({ n: z.number() }),
  output: z.object({ n: z.number() }),
  attempts: 1,
})

describe('perform', () => {
  it('resolves with what the handler returned', async () => {
    const { aether } = setUp()
    await work(aether, double, (input) => ({ n: input.n * 2 }))
    const run = aether.perform(double, { n: 21 })
    expect(await run).toEqual({ n: 42 })
    expect(await run.accepted).toEqual({ deduplicated: false })
    expect(await run.settle()).toEqual({
      status: 'succeeded',
      tid: run.tid,
      value: { n: 42 },
      attempt: 1,
      worker: 'app',
    })
  })

  it('connects when first used, once', async () => {
    const { aether, transport } = setUp()
    const connected = gate()
    transport.connecting = connected.promise
    const runs = [
      aether.perform(echo, 1, { waitForWorkers: true }),
      aether.perform(echo, 2, { waitForWorkers: true }),
    ]
    await settleDown()
    connected.open()
    await Promise.all(runs.map((run) => run.accepted))
    expect(transport.starts).toBe(1)
  })

  it('gives each run a tid of its own, and takes one that is given', async () => {
    const { aether } = setUp()
    await work(aether, echo, (input) => input)
    const tids = new Set(Array.from({ length: 100 }, () => aether.perform(echo).tid))
    expect(tids.size).toBe(100)
    expect(aether.perform(echo, 1, { tid: 'mine' }).tid).toBe('mine')
  })

  it('says how a task failed: code, attempt and worker', async () => {
    const { aether } = setUp()
    await work(aether, double, () => {
      throw new Error('no paper')
    })
    const settlement = await aether.perform(double, { n: 1 }).settle()
    expect(settlement).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: { code: 'ERR_AETHER_TASK_FAILED', message: 'no paper' },
    })
    await expect(aether.perform(double, { n: 1 })).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_FAILED' })
  })

  it('can be used as a promise: catch and finally', async () => {
    const { aether } = setUp()
    await work(aether, double, (input) => ({ n: input.n }))
    let finals = 0
    expect(await aether.perform(double, { n: 1 }).finally(() => (finals += 1))).toEqual({ n: 1 })
    expect(await aether.perform(double, { n: 'x' as never }).catch((error: AetherError) => error.code)).toBe(
      'ERR_AETHER_INPUT_INVALID',
    )
    expect(finals).toBe(1)
  })

  it('refuses input that does not match the schema before sending it, with the issues', async () => {
    const { aether, hub } = setUp()
    const run = aether.perform(double, { n: 'one' as never })
    await expect(run).rejects.toMatchObject({
      code: 'ERR_AETHER_INPUT_INVALID',
      detail: { issues: [{ path: 'n' }] },
    })
    await expect(run.accepted).rejects.toMatchObject({ code: 'ERR_AETHER_INPUT_INVALID' })
    expect(hub.tasks.size).toBe(0)
  })

  it('waits for schemas that are asynchronous', async () => {
    const { aether } = setUp()
    const slow = defineTask({
      job: 'test',
      task: 'slow',
      input: z.number().refine(async (n) => n > 0),
      output: z.number().refine(async (n) => n > 10),
      attempts: 1,
    })
    await work(aether, slow, (n) => n * 10)
    expect(await aether.perform(slow, 2)).toBe(20)
    await expect(aether.perform(slow, -2)).rejects.toMatchObject({ code: 'ERR_AETHER_INPUT_INVALID' })
    await expect(aether.perform(slow, 1)).rejects.toMatchObject({ code: 'ERR_AETHER_OUTPUT_INVALID' })
  })

  it('fails with ERR_AETHER_WORKERS_NONE where nobody works, unless it may wait', async () => {
    const { aether } = setUp()
    await aether.start()
    await expect(aether.perform(echo)).rejects.toMatchObject({ code: 'ERR_AETHER_WORKERS_NONE' })
    const patient = aether.perform(echo, 'late', { waitForWorkers: true })
    await patient.accepted
    await work(aether, echo, (input) => input)
    expect(await patient).toBe('late')
  })

  it('fails when it cannot connect', async () => {
    const { aether, transport } = setUp()
    transport.connecting = Promise.reject(new AetherError('ERR_AETHER_CONNECT_FAILED', 'nobody there'))
    await expect(aether.perform(echo)).rejects.toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED' })
  })

  it('refuses input that cannot be encoded, or is too large', async () => {
    const { aether } = setUp()
    await work(aether, echo, (input) => input)
    await expect(aether.perform(echo, 1n)).rejects.toMatchObject({ code: 'ERR_AETHER_PAYLOAD_UNENCODABLE' })
    await expect(aether.perform(echo, 'x'.repeat(2 * 1024 * 1024))).rejects.toMatchObject({
      code: 'ERR_AETHER_PAYLOAD_TOO_LARGE',
    })
  })

  it.each([
    [{ deadlineMs: 0 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ deadlineMs: 'soon' }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ attempts: 0 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ priority: 11 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ signal: 1 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ headers: { a: 1 } }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ progress: 'some' }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ onStatus: 1 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ timeout: 5 }, 'ERR_AETHER_OPTIONS_INVALID'],
    [null, 'ERR_AETHER_OPTIONS_INVALID'],
    [{ tid: 'a/b' }, 'ERR_AETHER_NAME_INVALID'],
    [{ context: '#' }, 'ERR_AETHER_NAME_INVALID'],
    [{ workgroup: '' }, 'ERR_AETHER_NAME_INVALID'],
    [{ channel: 'nope' }, 'ERR_AETHER_CHANNEL_UNKNOWN'],
  ])('refuses wrong options %o through the run, and never throws', async (options, code) => {
    const { aether, hub } = setUp()
    await expect(aether.perform(echo, 1, options as never)).rejects.toMatchObject({ code })
    expect(hub.tasks.size).toBe(0)
  })

  it('refuses what is no definition', async () => {
    const { aether } = setUp()
    await expect(aether.perform({ job: 'a', task: 'b' } as unknown as typeof echo)).rejects.toMatchObject({
      code: 'ERR_AETHER_OPTIONS_INVALID',
    })
  })

  it('refuses what the transport does not declare', async () => {
    const { aether, transport } = setUp()
    Object.assign(transport, {
      capabilities: { ...transport.capabilities, delay: false, priority: false, groups: false },
    })
    for (const options of [{ delayMs: 5 }, { priority: 9 }, { workgroup: 'audit' }]) {
      await expect(aether.perform(echo, 1, options)).rejects.toMatchObject({
        code: 'ERR_AETHER_CAPABILITY_UNSUPPORTED',
      })
    }
  })

  it('calls onStatus and onSettled, and logs what they throw', async () => {
    const { aether, log } = setUp()
    await work(aether, echo, async (input, ctx) => {
      await ctx.status(40, 'half')
      return input
    })
    const seen: unknown[] = []
    const run = aether.perform(echo, 7, {
      onStatus: (status) => {
        seen.push(status)
        throw new Error('mine')
      },
      onSettled: (settlement) => seen.push(settlement.status),
    })
    expect(await run).toBe(7)
    expect(seen).toEqual([{ percent: 40, data: 'half', attempt: 1, seq: 1, worker: 'app' }, 'succeeded'])
    expect(log).toContain('error a callback of a run threw')
  })
})

describe('deadlines of a run', () => {
  it('ends as expired when the engine says so', async () => {
    const { aether, clock } = setUp()
    await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal))
    const run = aether.perform(echo, 1, { deadlineMs: 500 })
    await clock.advance(600)
    expect(run.settlement).toMatchObject({
      status: 'expired',
      error: { code: 'ERR_AETHER_DEADLINE_EXCEEDED' },
    })
  })

  it('ends by itself when the engine is silent', async () => {
    const { aether, clock, hub } = setUp()
    hub.before.send = () => new Promise(() => {})
    const run = aether.perform(echo, 1, { deadlineMs: 500, waitForWorkers: true })
    await clock.advance(1_400)
    expect(run.settlement).toBeUndefined()
    await clock.advance(200)
    expect(run.settlement).toMatchObject({
      status: 'expired',
      error: { code: 'ERR_AETHER_DEADLINE_EXCEEDED' },
    })
  })

  it('ends at once at its deadline while it was not even sent', async () => {
    const { aether, clock, transport } = setUp()
    transport.connecting = new Promise(() => {})
    const run = aether.perform(echo, 1, { deadlineMs: 500 })
    await clock.advance(540)
    expect(run.settlement).toMatchObject({ status: 'expired' })
    await expect(run.accepted).rejects.toMatchObject({ code: 'ERR_AETHER_DEADLINE_EXCEEDED' })
  })
})

describe('duplicate tids', () => {
  it('attaches to the live run, and says so', async () => {
    const { aether, hub } = setUp()
    const opened = gate<string>()
    await work(aether, echo, () => opened.promise)
    const first = aether.perform(echo, 1, { tid: 'same' })
    const second = aether.perform(echo, 1, { tid: 'same' })
    expect(await first.accepted).toEqual({ deduplicated: false })
    expect(await second.accepted).toEqual({ deduplicated: true })
    expect([first.deduplicated, second.deduplicated]).toEqual([false, true])
    opened.open('one')
    expect(await Promise.all([first, second])).toEqual(['one', 'one'])
    expect(hub.tasks.size).toBe(1)
    expect(aether.ledger).toMatchObject({ performed: 2, succeeded: 2, open: 0 })
  })

  it('gives the stored result to one that comes later', async () => {
    const { aether } = setUp()
    let calls = 0
    await work(aether, echo, () => (calls += 1))
    expect(await aether.perform(echo, 1, { tid: 'same' })).toBe(1)
    const late = aether.perform(echo, 1, { tid: 'same' })
    expect(await late).toBe(1)
    await late.accepted
    expect(late.deduplicated).toBe(true)
    expect(calls).toBe(1)
  })

  it('refuses a tid that an open run of another task has', async () => {
    const { aether } = setUp()
    const other = defineTask({ job: 'test', task: 'other' })
    await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal))
    const run = aether.perform(echo, 1, { tid: 'same' })
    await run.accepted
    await expect(aether.perform(other, 1, { tid: 'same' })).rejects.toMatchObject({
      code: 'ERR_AETHER_TASK_DUPLICATE',
    })
    expect(run.settlement).toBeUndefined()
    await run.cancel()
  })
})

describe('the ledger', () => {
  it('closes over every way a run can end', async () => {
    const { aether, clock } = setUp()
    await work(aether, echo, async (input, ctx) => {
      if (input === 'fail') throw new AetherError('ERR_AETHER_TASK_FAILED', 'as asked')
      if (input === 'hang') await untilAborted(ctx.signal)
      return input
    })
    await aether.perform(echo, 'ok')
    await aether.perform(echo, 'fail').settle()
    await aether.perform(echo, 1n).settle()
    const cancelled = aether.perform(echo, 'hang')
    await cancelled.accepted
    await cancelled.cancel()
    const expired = aether.perform(echo, 'hang', { deadlineMs: 100 })
    const open = aether.perform(echo, 'hang')
    await clock.advance(200)
    await expired.settle()
    expect(aether.ledger).toEqual({
      performed: 6,
      succeeded: 1,
      failed: 2,
      cancelled: 1,
      expired: 1,
      open: 1,
    })
    await open.cancel()
    expect(aether.ledger.open).toBe(0)
  })
})
