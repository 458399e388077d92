import type { RunStatus, Settlement, TaskContext, Worker } from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { address, interopRoom, resize } from './support/interop-room.ts'

// Tasks performed here whose workers are Python's.

let server: MosquittoServer
beforeAll(async () => {
  server = await startMosquitto()
})
afterAll(() => server.close())

const room = interopRoom(() => server)
const { context } = address

describe('a worker in Python', () => {
  it.each([
    ['MQTT 5', {}],
    ['MQTT 3.1.1', { protocolVersion: 4 }],
    ['no acknowledgements', { qos: 0 }],
  ] as const)(
    'takes a task performed here over %s: status 0, progress and result reach our run',
    async (name, options) => {
      const union = `worker-${name.replaceAll(/\W/g, '-')}`
      const worker = await room.peer({ union, client: 'py-worker' })
      await worker.idle(address, { behaviour: 'echo' })
      const statuses: RunStatus[] = []
      const settled: Settlement[] = []
      const run = room
        .aether(union, options)
        .perform(
          resize,
          { name: 'größe', sizes: [1, 2] },
          { context, onStatus: (status) => statuses.push(status), onSettled: (end) => settled.push(end) },
        )
      expect(await run).toEqual({ name: 'größe', sizes: [1, 2] })
      expect(run.settlement).toMatchObject({ status: 'succeeded', attempt: 1, worker: 'py-worker' })
      expect(statuses).toMatchObject([
        { percent: 0, worker: 'py-worker', attempt: 1 },
        { percent: 50, data: { half: true }, worker: 'py-worker' },
      ])
      expect(settled).toHaveLength(1)
      // What the worker was sent is an envelope that it reads, at the address that it knows.
      await worker.hears('perform')
      expect(worker.of('perform')).toMatchObject([
        {
          topic: `${union}/image-process/resize/batch1/${run.tid}/perform`,
          status: 'initialized',
          progress: 0,
          data: { name: 'größe', sizes: [1, 2] },
        },
      ])
    },
  )

  it('fails a task, at once and for good', async () => {
    const worker = await room.peer({ union: 'fails' })
    await worker.idle(address, { behaviour: 'fail' })
    const aether = room.aether('fails')
    const run = aether.perform(resize, {}, { context })
    expect(await run.settle()).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_AETHER_TASK_FAILED', detail: { data: { why: 'no such file' } } },
    })
    const other = aether.perform(resize, {}, { context })
    await other.settle()
    await worker.hears('perform', other.tid)
    expect(worker.of('perform').map(({ tid }) => tid)).toEqual([run.tid, other.tid])
  })

  it.each([
    [[1, 2]],
    ['text'],
    [7.5],
    [true],
    [null],
    [{}],
    ['Ünïcødé 日本 \u{1F600} "quoted" \u2028'],
    [['\ud83d']],
  ])('takes and returns %j as data', async (data) => {
    const union = 'shapes'
    const worker = await room.peer({ union })
    await worker.idle(address, { behaviour: 'echo' })
    expect(await room.aether(union).perform(resize, data, { context })).toEqual(data)
    expect(worker.of('perform')[0]?.data).toEqual(data)
  })

  it('is given an object where there is no input, as its handlers expect', async () => {
    const worker = await room.peer({ union: 'empty' })
    await worker.idle(address, { behaviour: 'echo' })
    await room.aether('empty').perform(resize, undefined, { context })
    expect((await worker.hears('perform')).data).toEqual({})
  })

  it('may accept with `initialized`, and answer in the envelope of earlier releases', async () => {
    const worker = await room.peer({ union: 'older', form: 'older', client: 'py-older' })
    await worker.idle(address, { behaviour: 'silent' })
    const statuses: RunStatus[] = []
    const run = room
      .aether('older')
      .perform(resize, {}, { context, onStatus: (status) => statuses.push(status) })
    const task = await worker.hears('perform')
    await worker.publish(
      `older/image-process/resize/batch1/${task.tid}/status`,
      '{"action": "status", "status": "initialized", "progress": 0, "data": {}, "host": "h", "client": "c"}',
    )
    await worker.status(task, 33.3, { third: 1 })
    await worker.complete(task, true, { done: 'größe' })
    expect(await run).toEqual({ done: 'größe' })
    // That it was taken is no progress yet, whoever says so.
    expect(statuses.map(({ percent }) => percent)).toEqual([33.3])
  })

  it('has names in any script', async () => {
    const union = 'größen-日本'
    const task = { job: 'größe', task: 'verkleinern-縮小', context: 'stapel-ä' }
    const worker = await room.peer({ union })
    await worker.idle(task, { behaviour: 'echo' })
    const aether = room.aether(union)
    const run = aether.perform({ ...resize, ...task }, { n: 1 }, { context: task.context, tid: 'aufgabe-ß' })
    expect(await run).toEqual({ n: 1 })
    expect(await worker.hears('perform')).toMatchObject({ ...task, tid: 'aufgabe-ß' })
  })

  it('takes every context where it asks for any, and one where it asks for one', async () => {
    const union = 'contexts'
    const [any, one] = [await room.peer({ union, client: 'any' }), await room.peer({ union, client: 'one' })]
    await any.idle({ ...address, context: '+' }, { workgroup: 'any', behaviour: 'echo' })
    await one.idle({ ...address, context: 'a' }, { workgroup: 'one', behaviour: 'silent' })
    const aether = room.aether(union)
    const runs = ['a', 'b', 'x'].map((label) =>
      aether.perform(resize, { label }, { context: label, workgroup: 'any' }),
    )
    expect(await Promise.all(runs)).toEqual([{ label: 'a' }, { label: 'b' }, { label: 'x' }])
    expect(
      any
        .of('perform')
        .map((message) => message.context)
        .toSorted(),
    ).toEqual(['a', 'b', 'x'])
    expect(one.of('perform').map((message) => message.context)).toEqual(['a'])
  })

  it('shares tasks with others of its workgroup, here and there, and each workgroup gets a copy', async () => {
    const union = 'groups'
    const python = [await room.peer({ union }), await room.peer({ union })]
    for (const worker of python) await worker.idle(address, { behaviour: 'echo' })
    const audit = await room.peer({ union })
    await audit.idle(address, { workgroup: 'audit', behaviour: 'silent' })
    const seen = { workers: [] as string[], metrics: [] as string[] }
    const workers: Worker[] = []
    for (const workgroup of ['workers', 'metrics'] as const) {
      const worker = room.aether(union).worker({ workgroup })
      const handler = (input: unknown, { tid }: TaskContext): unknown => {
        seen[workgroup].push(tid)
        return input
      }
      // As the others do: to a broker, one context and any are two subscriptions, and each gets a copy.
      worker.handle(resize, handler as never, { context })
      workers.push(worker)
      await worker.start()
    }
    const aether = room.aether(union)
    const runs = Array.from({ length: 60 }, (_, n) => aether.perform(resize, { n }, { context }))
    expect(await Promise.all(runs)).toEqual(Array.from({ length: 60 }, (_, n) => ({ n })))
    const tids = runs.map(({ tid }) => tid).toSorted()
    const heard = (): number => python.reduce((sum, worker) => sum + worker.of('perform').length, 0)
    await until(() => heard() + seen.workers.length >= 60)
    const taken = python.map((worker) => worker.of('perform').map(({ tid }) => tid))
    expect([...taken.flat(), ...seen.workers].toSorted()).toEqual(tids)
    for (const share of [...taken, seen.workers]) expect(share.length).toBeGreaterThan(0)
    await until(() => seen.metrics.length >= 60 && audit.of('perform').length >= 60)
    expect(seen.metrics.toSorted()).toEqual(tids)
    expect(
      audit
        .of('perform')
        .map(({ tid }) => tid)
        .toSorted(),
    ).toEqual(tids)
    await until(() => workers.every(({ stats }) => stats.active === 0))
  })

  it('that only observes does not end a task that a worker here holds', async () => {
    const union = 'observes'
    const observer = await room.peer({ union, client: 'py-observer' })
    await observer.idle(address, { workgroup: 'audit', behaviour: 'accept' })
    let finish: (value: unknown) => void = () => undefined
    const worker = room.aether(union).worker()
    worker.handle(resize, async (_input, ctx) => {
      await ctx.status(5)
      return new Promise((resolve) => (finish = resolve))
    })
    await worker.start()
    const caller = room.aether(union)
    const ends: string[] = []
    const { job, task } = address
    await caller.listen(job, task, context, 'complete', 'workers', ({ event }) => ends.push(event.client))
    const percents: number[] = []
    const onStatus = ({ percent }: RunStatus): number => percents.push(percent)
    const run = caller.perform(resize, {}, { context, onStatus })
    const heard = await observer.hears('perform')
    await until(() => percents.includes(5))
    await observer.complete(heard, false)
    await until(() => ends.includes('py-observer'))
    expect(run.settlement).toBeUndefined()
    finish({ by: 'us' })
    expect(await run).toEqual({ by: 'us' })
  })

  it('hears that a task was cancelled, and may go on: its end counts no more', async () => {
    const union = 'cancels'
    const worker = await room.peer({ union, client: 'py-worker' })
    await worker.idle(address, { behaviour: 'accept' })
    await worker.listen(`${union}/image-process/resize/batch1/+/cancel`)
    const settled: Settlement[] = []
    const ends: string[] = []
    let isTaken = false
    const caller = room.aether(union)
    const { job, task } = address
    await caller.listen(job, task, context, 'complete', 'workers', ({ event }) => ends.push(event.client))
    const run = caller.perform(
      resize,
      {},
      { context, onSettled: (end) => settled.push(end), onStatus: () => (isTaken = true) },
    )
    const heard = await worker.hears('perform')
    await until(() => isTaken)
    expect(await run.cancel('user left')).toMatchObject({ status: 'cancelled' })
    expect(await worker.hears('cancel', run.tid)).toMatchObject({ status: 'cancelled' })
    await worker.complete(heard, true, { late: true })
    await until(() => ends.includes('py-worker'))
    expect(await run.settle()).toMatchObject({ status: 'cancelled' })
    expect(settled).toHaveLength(1)
  })

  it('that is killed midway leaves its task to the deadline', async () => {
    const union = 'killed'
    const worker = await room.peer({ union })
    await worker.idle(address, { behaviour: 'accept' })
    let isTaken = false
    const run = room
      .aether(union)
      .perform(resize, {}, { context, deadlineMs: 1_500, onStatus: () => (isTaken = true) })
    await until(() => isTaken)
    await worker.kill()
    const end = await run.settle()
    expect(end).toMatchObject({ status: 'expired', error: { code: 'ERR_AETHER_DEADLINE_EXCEEDED' } })
  })

  it('that is killed before its first word loses its task to another', async () => {
    const union = 'dies-at-once'
    const first = await room.peer({ union })
    await first.idle(address, { behaviour: 'silent' })
    const run = room.aether(union, { lease: { resendMs: 200 } }).perform(resize, { n: 1 }, { context })
    await first.hears('perform')
    const second = await room.peer({ union })
    await first.kill()
    await second.idle(address, { behaviour: 'echo' })
    expect(await run).toEqual({ n: 1 })
  })

  it('still reaches our run after the broker was started again', async () => {
    const own = room.opened(await startMosquitto())
    const union = 'restarts'
    const aether = room.aether(union, { url: own.url })
    const first = await room.peer({ union, port: own.port })
    await first.idle(address, { behaviour: 'echo' })
    expect(await aether.perform(resize, { n: 1 }, { context })).toEqual({ n: 1 })
    await first.kill()
    await own.restart()
    const second = await room.peer({ union, port: own.port })
    await second.idle(address, { behaviour: 'echo' })
    const run = aether.perform(resize, { n: 2 }, { context, waitForWorkers: true })
    expect(await run).toEqual({ n: 2 })
  })
})
