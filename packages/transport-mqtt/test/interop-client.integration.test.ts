import { AetherError, type HeardEvent } from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { address, interopRoom, resize } from './support/interop-room.ts'

// Tasks performed in Python whose workers are here.

let server: MosquittoServer
beforeAll(async () => {
  server = await startMosquitto()
})
afterAll(() => server.close())

const room = interopRoom(() => server)

describe('a client in Python', () => {
  it.each([
    ['MQTT 5', {}],
    ['MQTT 3.1.1', { protocolVersion: 4 }],
    ['no acknowledgements', { qos: 0 }],
  ] as const)('sees status 0, progress and complete from a worker here over %s', async (name, options) => {
    const union = `client-${name.replaceAll(/\W/g, '-')}`
    const worker = room.aether(union, { ...options, name: 'ts-worker' }).worker()
    worker.handle(resize, async (input, ctx) => {
      await ctx.status(50, { half: true })
      return { ...(input as object), by: ctx.workgroup, attempt: ctx.attempt }
    })
    await worker.start()
    const client = await room.peer({ union })
    const { tid } = await client.perform(address, { name: 'größe' })
    expect(await client.hears('complete', tid)).toMatchObject({
      topic: `${union}/image-process/resize/batch1/${tid}/complete`,
      status: 'succeed',
      progress: 100,
      data: { name: 'größe', by: 'workers', attempt: 1 },
    })
    expect(client.of('status', tid)).toMatchObject([
      { progress: 0, data: {} },
      { progress: 50, data: { half: true } },
    ])
    // Every field that its library reads is there, of the type that it expects.
    const envelope: unknown = JSON.parse(client.of('complete', tid)[0]?.text ?? '')
    expect(envelope).toMatchObject({
      action: 'complete',
      status: 'succeed',
      progress: 100,
      host: expect.any(String),
      client: 'ts-worker',
    })
  })

  it('sees a failure once, after the attempts of the worker here', async () => {
    const union = 'client-fails'
    const worker = room.aether(union).worker()
    const attempts: number[] = []
    worker.handle(resize, (_input, { attempt }) => {
      attempts.push(attempt)
      throw new AetherError('ERR_AETHER_TASK_FAILED', 'busy disk', { retryable: true })
    })
    await worker.start()
    const client = await room.peer({ union })
    const { tid } = await client.perform(address, {})
    expect(await client.hears('complete', tid)).toMatchObject({ status: 'failed', progress: 100, data: {} })
    expect(attempts).toEqual([1, 2, 3])
    expect(client.of('complete', tid)).toHaveLength(1)
  })

  it.each([
    [[1, 2]],
    ['text'],
    [7.5],
    [false],
    [null],
    [{}],
    ['Ünïcødé 日本 \u{1F600} \u2028'],
    [['\ud83d']],
  ])('sends and gets back %j as data', async (data) => {
    const union = 'client-shapes'
    const worker = room.aether(union).worker()
    worker.handle(resize, (input) => ({ input }))
    await worker.start()
    const client = await room.peer({ union })
    const { tid } = await client.perform(address, data)
    expect((await client.hears('complete', tid)).data).toEqual({ input: data })
    await worker.close()
  })

  it('shares its tasks among workers of a workgroup here and there; each workgroup gets a copy', async () => {
    const union = 'client-groups'
    const taken: string[][] = []
    for (const workgroup of ['workers', 'workers', 'audit']) {
      const tids: string[] = []
      taken.push(tids)
      const worker = room.aether(union).worker({ workgroup })
      // As the others do: to a broker, one context and any are two subscriptions, and each gets a copy.
      worker.handle(resize, (_input, { tid }) => void tids.push(tid), { context: address.context })
      await worker.start()
    }
    const python = await room.peer({ union })
    await python.idle(address, { behaviour: 'echo' })
    const client = await room.peer({ union })
    const tids = Array.from({ length: 60 }, (_, n) => `task-${n}`).toSorted()
    for (const tid of tids) await client.perform({ ...address, tid }, {})
    const [first = [], second = [], audit = []] = taken
    const theirs = (): string[] => python.of('perform').map(({ tid }) => tid)
    await until(() => first.length + second.length + theirs().length >= 60 && audit.length >= 60)
    expect([...first, ...second, ...theirs()].toSorted()).toEqual(tids)
    for (const share of [first, second, theirs()]) expect(share.length).toBeGreaterThan(0)
    expect(audit.toSorted()).toEqual(tids)
    for (const tid of tids) await client.hears('complete', tid)
  })

  it('reaches workers here of any context, and of one', async () => {
    const union = 'client-contexts'
    const seen: string[] = []
    for (const [workgroup, context] of [
      ['any', '+'],
      ['one', 'a'],
    ] as const) {
      const worker = room.aether(union).worker({ workgroup })
      worker.handle(resize, (_input, { route }) => void seen.push(`${workgroup} ${route.context}`), {
        context,
      })
      await worker.start()
    }
    const client = await room.peer({ union })
    for (const context of ['a', 'b', 'größe']) await client.perform({ ...address, context }, {})
    await until(() => seen.length >= 4)
    expect(seen.toSorted()).toEqual(['any a', 'any b', 'any größe', 'one a'])
  })

  it('cancels its task: the handler here is told, and it hears that it is over', async () => {
    const union = 'client-cancels'
    const worker = room.aether(union).worker()
    let reason: unknown
    worker.handle(resize, (_input, { signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason
          reject(signal.reason as Error)
        })
      })
    })
    await worker.start()
    const client = await room.peer({ union })
    const task = await client.perform(address, {})
    await client.hears('status', task.tid)
    await client.cancel(task)
    await until(() => reason)
    expect(reason).toMatchObject({ code: 'ERR_AETHER_TASK_CANCELLED' })
    const end = await client.hears('complete', task.tid)
    expect(end).toMatchObject({ status: 'failed' })
    expect(JSON.parse(end.text)).toMatchObject({
      outcome: 'cancelled',
      error: { code: 'ERR_AETHER_TASK_CANCELLED' },
    })
  })

  it('cancels a task performed here, whether a worker has it or not', async () => {
    const union = 'client-cancels-ours'
    const caller = room.aether(union)
    const client = await room.peer({ union })
    const waits = caller.perform(resize, {}, { context: address.context, waitForWorkers: true })
    await waits.accepted
    await client.cancel({ ...address, tid: waits.tid })
    expect(await waits.settle()).toMatchObject({ status: 'cancelled', attempt: 0 })
    const worker = room.aether(union).worker()
    let isAborted = false
    worker.handle(resize, (_input, { signal }) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          isAborted = true
          reject(signal.reason as Error)
        })
      })
    })
    await worker.start()
    const runs = caller.perform(resize, {}, { context: address.context })
    await until(() => worker.stats.active === 1)
    await client.cancel({ ...address, tid: runs.tid })
    expect(await runs.settle()).toMatchObject({ status: 'cancelled', attempt: 1 })
    await until(() => isAborted)
  })

  it('that sends its task again is answered with what became of it, and nothing runs twice', async () => {
    const union = 'client-repeats'
    const worker = room.aether(union).worker()
    let runs = 0
    worker.handle(resize, () => ({ run: (runs += 1) }))
    await worker.start()
    const client = await room.peer({ union })
    const task = await client.perform(address, {})
    await client.hears('complete', task.tid)
    await client.perform(task, {})
    await until(() => client.of('complete', task.tid).length === 2)
    expect(client.of('complete', task.tid).map(({ data }) => data)).toEqual([{ run: 1 }, { run: 1 }])
    expect(runs).toBe(1)
  })

  it('hears by topic what becomes of tasks performed and worked on here', async () => {
    const union = 'client-listens'
    const client = await room.peer({ union })
    await client.listen(`${union}/+/+/+/+/status`)
    await client.listen(`${union}/+/+/+/+/complete`)
    const worker = room.aether(union).worker()
    worker.handle(resize, async (input, ctx) => {
      await ctx.status(40)
      return input
    })
    await worker.start()
    const run = room.aether(union).perform(resize, { n: 1 }, { context: address.context })
    await run
    expect(await client.hears('complete', run.tid)).toMatchObject({ status: 'succeed', data: { n: 1 } })
    expect(client.of('status', run.tid)).toMatchObject([{ progress: 40 }])
    expect(client.of('complete', run.tid)).toHaveLength(1)
  })

  it('and workers here see each other come and go', async () => {
    const union = 'client-presence'
    const client = await room.peer({ union, client: 'py-client', host: 'py-host' })
    for (const action of ['idle', 'online', 'dismiss']) await client.listen(`${union}/+/+/+/+/${action}`)
    const aether = room.aether(union, { name: 'ts-app' })
    const heard: HeardEvent[] = []
    for (const action of ['idle', 'online', 'dismiss'] as const)
      await aether.listen('+', '+', '+', action, 'workers', (event) => heard.push(event))
    const presence = await aether.presence()
    const worker = aether.worker({ name: 'ts-worker', presenceMs: 100 })
    worker.handle(resize, () => undefined)
    await worker.start()
    expect(await client.hears('online', 'ts-worker')).toMatchObject({ status: 'connected', progress: 100 })
    await client.idle(address, { behaviour: 'silent' })
    const python = await room.peer({ union, client: 'py-late', host: 'py-host' })
    await python.dismiss({ ...address, tid: 'py-task' })
    await until(() => heard.some(({ event }) => event.action === 'dismiss' && event.tid === 'py-task'))
    expect(heard.filter(({ event }) => event.client.startsWith('py-'))).toMatchObject([
      { event: { action: 'idle', client: 'py-client' }, data: {} },
      {
        event: {
          action: 'online',
          client: 'py-late',
          route: { job: 'system', task: 'online', context: 'py-host' },
        },
      },
      { event: { action: 'dismiss', client: 'py-late' } },
    ])
    expect(presence.workers().map(({ name }) => name)).toEqual(['ts-worker'])
    await worker.close()
    expect(await client.hears('dismiss', 'ts-worker')).toMatchObject({ status: 'dismissed' })
    await presence.close()
  })
})
