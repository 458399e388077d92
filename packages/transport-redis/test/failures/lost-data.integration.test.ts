import { type RedisServer, startRedis } from '@aether/services'
import { until } from '@aether/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  expectAllDone,
  type FailureStage,
  type FailureStageOptions,
  modes,
  openFailureStage,
  openInstance,
  work,
} from '../support/failure-stage.ts'

let server: RedisServer
let client: Redis
beforeAll(async () => {
  server = await startRedis()
  client = new Redis(server.port)
})
afterAll(async () => {
  client.disconnect()
  await server.close()
})

let stages = 0

describe.each(modes)('mode %s', (mode) => {
  async function withStage(
    options: Omit<FailureStageOptions, 'redis'>,
    use: (stage: FailureStage, prefix: string) => Promise<void>,
  ): Promise<void> {
    stages += 1
    const prefix = `${mode}-${stages}:`
    const stage = await openFailureStage({ ...options, redis: { mode, url: server.url, prefix } })
    try {
      await use(stage, prefix)
    } finally {
      await stage.close()
    }
  }

  test('SCRIPT FLUSH in the midst of traffic: nobody notices', async () => {
    await withStage({}, async (stage) => {
      const runs = stage.performMany(100, 10)
      for (let round = 0; round < 5; round++) {
        await until(() => stage.begun.size > round * 15)
        await client.script('FLUSH', 'SYNC')
      }
      await expectAllDone(stage, runs)
      const { states } = stage.caller
      expect(states.map(({ status }) => status)).not.toContain('reconnecting')
    })
  })

  test('FLUSHALL under queued and running tasks: callers send them again, and everything ends once', async () => {
    await withStage({ concurrency: 2 }, async (stage) => {
      const held = [0, 1].map((n) => stage.perform({ n: -1 - n, ms: 'held' }))
      await until(() => stage.running.size === 2)
      const queued = stage.performMany(20)
      await Promise.all(queued.map((run) => run.accepted))
      await client.flushall()
      stage.release()
      await expectAllDone(stage, [...held, ...queued])
      // What was queued was begun once: Redis had forgotten it, nobody had it.
      const begun = queued.map((_run, index) => stage.begun.get(index + 1))
      expect(begun).toEqual(queued.map(() => 1))
      await expectAllDone(stage, stage.performMany(10))
    })
  }, 40_000)

  test('FLUSHALL while nothing is open: what is performed next is worked on', async () => {
    await withStage({}, async (stage) => {
      await expectAllDone(stage, stage.performMany(5))
      await client.flushall()
      await expectAllDone(stage, stage.performMany(20))
    })
  })

  test('a foreign message on each of our channels is counted, logged once, and stops nothing', async () => {
    await withStage({}, async (stage, prefix) => {
      await stage.worker.aether.listen(work, () => undefined)
      const channels = (await client.pubsub('CHANNELS', `${prefix}*`)) as string[]
      expect(channels.length).toBeGreaterThanOrEqual(2)
      const junk = [
        Buffer.alloc(0),
        Buffer.from('hello'),
        Buffer.from('{"json":true}'),
        Buffer.alloc(300, 0xff),
        Buffer.from([0x41, 0xe5, 1, 1, 0, 0, 0, 0x61, 0xff, 0xff, 0xff, 0xff, 7]),
      ]
      const spread = `${prefix}${mode === 'pubsub' ? 'pubsub/' : ''}event/failures/failures/work`
      const events = mode === 'pubsub' ? spread : `${spread}/x/tid/complete`
      const runs = stage.performMany(50, 10)
      for (const channel of [...channels, events])
        for (const each of junk) await client.publish(channel, each)
      await expectAllDone(stage, [...runs, ...stage.performMany(20)])
      for (const { log, transport } of [stage.caller, stage.worker]) {
        const warnings = log.filter(({ level }) => level === 'warn' || level === 'error')
        expect(warnings.length, JSON.stringify(warnings)).toBeLessThanOrEqual(1)
        expect(transport.state.status).toBe('ready')
      }
      const warned = [...stage.caller.log, ...stage.worker.log].filter(({ level }) => level === 'warn')
      expect(warned.length).toBeGreaterThan(0)
    })
  })
})

describe.each(['streams', 'lists'] as const)('mode %s', (mode) => {
  test('a key of ours that holds something foreign: a coded error that says so, and other tasks go on', async () => {
    const url = server.url
    const learning = `${mode}-learn:`
    const stage = await openFailureStage({ redis: { mode, url, prefix: learning } })
    const runs = [stage.perform({ n: 1, ms: 'held' }), ...stage.performMany(3)]
    await until(() => stage.running.has(1))
    const keys = await client.keys(`${learning}*`)
    stage.release()
    await Promise.all(runs.map((run) => run.settle()))
    await stage.close()
    expect(keys.length).toBeGreaterThan(3)
    let refused = 0
    for (const [index, key] of keys.entries()) {
      const prefix = `${mode}-wrong-${index}:`
      const wrong = `${prefix}${key.slice(learning.length)}`
      const wasString = (await client.type(key)) === 'string'
      if (wasString) await client.rpush(wrong, 'foreign')
      else await client.set(wrong, 'foreign')
      const { aether, transport, log } = await openInstance('caller', { mode, url, prefix })
      const settled = await aether
        .perform(work, { n: 1, ms: 0 }, { waitForWorkers: true, deadlineMs: 1_000 })
        .settle()
      // Not every key is touched by a send; those that are tell.
      if (settled.status === 'failed') {
        refused += 1
        expect(settled.error, wrong).toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
        expect(settled.error.message).toMatch(/foreign|WRONGTYPE/)
      } else expect(settled.status, wrong).toBe('expired')
      expect(transport.state.status).toBe('ready')
      expect(log.filter(({ level }) => level === 'error')).toEqual([])
      expect(wasString || (await client.get(wrong)) === 'foreign').toBe(true)
      await aether.close({ signal: AbortSignal.timeout(1_000) })
    }
    expect(refused).toBeGreaterThan(0)
  }, 60_000)
})

describe('foreign entries', () => {
  test('in a stream of ours are thrown out, counted, logged once, and stop nothing', async () => {
    const prefix = 'entries:'
    const stage = await openFailureStage({ redis: { mode: 'streams', url: server.url, prefix } })
    await expectAllDone(stage, stage.performMany(5))
    const stream = (await client.keys(`${prefix}*/tasks/*`))[0] ?? ''
    expect(await client.type(stream)).toBe('stream')
    await client.xadd(stream, '*', 'hello', 'world')
    await client.xadd(stream, '*', 'm', 'not packed')
    await client.xadd(stream, '*', 'm', Buffer.alloc(64, 0xff))
    await client.xadd(stream, '*', 'm', '', 'n', '')
    await expectAllDone(stage, stage.performMany(20))
    await until(async () => (await client.xlen(stream)) === 0, { what: 'foreign entries are thrown out' })
    const warnings = stage.worker.log.filter(({ level }) => level === 'warn' || level === 'error')
    expect(warnings).toHaveLength(1)
    await stage.close()
  })

  test('in a list of ours are thrown out, counted, logged once, and stop nothing', async () => {
    const prefix = 'items:'
    const stage = await openFailureStage({
      redis: { mode: 'lists', url: server.url, prefix },
      concurrency: 1,
    })
    const held = stage.perform({ n: -1, ms: 'held' })
    await until(() => stage.running.has(-1))
    const queued = stage.performMany(5)
    await Promise.all(queued.map((run) => run.accepted))
    const lists: string[] = []
    for (const key of await client.keys(`${prefix}*`))
      if ((await client.type(key)) === 'list') lists.push(key)
    expect(lists.length).toBeGreaterThan(0)
    for (const list of lists)
      for (const each of ['hello', '', Buffer.alloc(64, 0xff)]) {
        await client.lpush(list, each)
        await client.rpush(list, each)
      }
    stage.release()
    await expectAllDone(stage, [held, ...queued, ...stage.performMany(20)])
    const warnings = stage.worker.log.filter(({ level }) => level === 'warn' || level === 'error')
    expect(warnings.length).toBeLessThanOrEqual(1)
    await stage.close()
  })
})
