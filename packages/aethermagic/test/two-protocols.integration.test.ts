import { startMosquitto, startRedis, type MosquittoServer, type RedisServer } from '@aether/services'
import { mqtt } from '@aether/transport-mqtt'
import { redis } from '@aether/transport-redis'
import { until } from '@aether/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { aethermagic, type AetherMagicScope } from '../src/aethermagic.ts'
import type { AetherMagic as Magic } from '../src/aether-magic.ts'
import { recorder } from './support/program.ts'
import { coded } from './support/coded.ts'

let broker: MosquittoServer
let server: RedisServer
let count = 0
const open: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  ;[broker, server] = await Promise.all([startMosquitto(), startRedis()])
}, 120_000)
afterAll(() => Promise.all([broker.close(), server.close()]))
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

interface Service extends AetherMagicScope<'mqtt' | 'redis'> {
  readonly messaging: Magic
  readonly caching: Magic
  readonly log: string[]
}

/** As `multi_protocol_service` of the Python README: two connections in one process. */
function service(ports: { readonly mqtt?: number; readonly redis?: number } = {}): Service {
  count += 1
  const log: string[] = []
  const scope = aethermagic({ mqtt, redis }, { logger: recorder(log) })
  const common = { host: '127.0.0.1', union: `production-${count}`, timeout: 1 }
  const messaging = new scope.AetherMagic({
    ...common,
    protocol_type: 'mqtt',
    port: ports.mqtt ?? broker.port,
    channel: 'messaging',
  })
  const caching = new scope.AetherMagic({
    ...common,
    protocol_type: 'redis',
    port: ports.redis ?? server.port,
    use_streams: true,
    channel: 'caching',
  })
  for (const each of [messaging, caching]) open.push(() => each.close({ signal: AbortSignal.abort() }))
  return { ...scope, messaging, caching, log }
}

const email = { job: 'notifications', task: 'send_email', channel: 'messaging' } as const
const image = { job: 'ai', task: 'generate_image', channel: 'caching' } as const

describe('two protocols in one process', () => {
  it('run side by side, each task on the channel it names', async () => {
    const { AetherTask, messaging, caching } = service()
    const stop = new AbortController()
    const mains = [messaging.main({ signal: stop.signal }), caching.main({ signal: stop.signal })]
    const [worked, ended]: [unknown[], unknown[]] = [[], []]
    for (const kind of [email, image]) {
      const on_perform = async (ae_task: InstanceType<typeof AetherTask>, data: unknown): Promise<void> => {
        worked.push([kind.task, data])
        await ae_task.status(50)
        await ae_task.complete(true, { by: kind.channel })
      }
      await new AetherTask({ ...kind, on_perform }).idle()
    }
    const on_complete = (_task: unknown, succeed: boolean, data: unknown): void =>
      void ended.push([succeed, data])
    await new AetherTask({ ...email, on_complete }).perform({ email: 'user@example.com' })
    await new AetherTask({ ...image, on_complete }).perform({ prompt: 'sunset landscape' })
    await until(() => ended.length === 2, { what: 'both ended', timeoutMs: 30_000 })
    expect(worked).toContainEqual(['send_email', { email: 'user@example.com' }])
    expect(worked).toContainEqual(['generate_image', { prompt: 'sunset landscape' }])
    expect(ended).toContainEqual([true, { by: 'messaging' }])
    expect(ended).toContainEqual([true, { by: 'caching' }])
    // What is worked on over one channel is not heard on the other.
    const astray = new AetherTask({ ...email, channel: 'caching', timeout: 0.5, on_complete })
    await astray.perform({ email: 'lost' })
    await until(() => ended.length === 3, { what: 'expired', timeoutMs: 30_000 })
    expect(ended[2]).toEqual([false, expect.any(String)])
    expect(worked).toHaveLength(2)
    stop.abort()
    await Promise.all(mains)
    expect([messaging.connected, caching.connected]).toEqual([false, false])
  })

  it('stop in order: what is in hand is finished first, on both', async () => {
    const { AetherTask, messaging, caching } = service()
    const stop = new AbortController()
    const mains = [messaging.main({ signal: stop.signal }), caching.main({ signal: stop.signal })]
    const ends: unknown[] = []
    const finishers: (() => void)[] = []
    for (const kind of [email, image]) {
      await new AetherTask({
        ...kind,
        on_perform: async (ae_task) => {
          await new Promise<void>((resolve) => finishers.push(resolve))
          await ae_task.complete(true, kind.task)
        },
      }).idle()
      await new AetherTask({
        ...kind,
        on_complete: (_task, succeed, data) => ends.push([succeed, data]),
      }).perform()
    }
    await until(() => finishers.length === 2, { what: 'both in hand', timeoutMs: 30_000 })
    stop.abort()
    for (const finish of finishers) finish()
    await Promise.all(mains)
    expect(ends).toContainEqual([true, 'send_email'])
    expect(ends).toContainEqual([true, 'generate_image'])
  })
})

describe('when one of the two is down', () => {
  it('from the start: the other works, and it begins when it comes', async () => {
    const own = await startMosquitto()
    open.push(() => own.close())
    await own.kill()
    const { AetherTask, messaging, caching, log } = service({ mqtt: own.port })
    const mains = [messaging.main(), caching.main()]
    const worked: string[] = []
    for (const kind of [email, image])
      await new AetherTask({ ...kind, on_perform: () => worked.push(kind.task) }).idle()
    await new AetherTask(image).perform()
    await until(() => worked.length === 1, { what: 'the other works', timeoutMs: 30_000 })
    const refused: unknown = await new AetherTask(email).perform().catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: expect.stringMatching(/^ERR_AETHER_CONNECT_(TIMEOUT|FAILED)$/) })
    await until(() => log.includes('warn no connection: trying on'), { what: 'logged', timeoutMs: 30_000 })
    await own.restart()
    await until(() => messaging.connected, { what: 'connected', timeoutMs: 30_000 })
    await new AetherTask(email).perform()
    await until(() => worked.length === 2, { what: 'it works', timeoutMs: 30_000 })
    expect(worked).toEqual(['generate_image', 'send_email'])
    await Promise.all([messaging.close(), caching.close()])
    await Promise.all(mains)
  })

  it('later: the other goes on, and it comes back by itself', async () => {
    const own = await startRedis()
    open.push(() => own.close())
    const { AetherTask, messaging, caching, log } = service({ redis: own.port })
    const mains = [messaging.main(), caching.main()]
    const worked: string[] = []
    for (const kind of [email, image])
      await new AetherTask({ ...kind, on_perform: () => worked.push(kind.task) }).idle()
    await own.kill()
    await until(() => !caching.connected, { what: 'lost', timeoutMs: 30_000 })
    await new AetherTask(email).perform()
    await until(() => worked.length === 1, { what: 'the other works', timeoutMs: 30_000 })
    await expect(new AetherTask(image).perform()).rejects.toEqual(coded('ERR_AETHER_CONNECT_TIMEOUT'))
    await own.restart()
    await until(() => caching.connected, { what: 'back', timeoutMs: 30_000 })
    await until(() => log.includes('warn connection lost; reconnecting'), {
      what: 'logged',
      timeoutMs: 30_000,
    })
    await new AetherTask(image).perform()
    await until(() => worked.length === 2, { what: 'it works', timeoutMs: 30_000 })
    await Promise.all([messaging.close(), caching.close()])
    await Promise.all(mains)
  })

  it('is stopped as quickly as the other', async () => {
    const own = await startRedis()
    open.push(() => own.close())
    const { AetherTask, messaging, caching } = service({ redis: own.port })
    const stop = new AbortController()
    const mains = [messaging.main({ signal: stop.signal }), caching.main({ signal: stop.signal })]
    for (const kind of [email, image]) await new AetherTask({ ...kind, on_perform: () => 1 }).idle()
    await own.kill()
    await until(() => !caching.connected, { what: 'lost', timeoutMs: 30_000 })
    stop.abort()
    const begun = performance.now()
    await Promise.all(mains)
    expect(performance.now() - begun).toBeLessThan(5_000)
  })
})

describe('what an engine refuses', () => {
  it.each(['mqtt', 'redis'] as const)('ends main: a wrong password of %s', async (protocol_type) => {
    const own = await (protocol_type === 'redis'
      ? startRedis({ config: { requirepass: 'secret' } })
      : startMosquitto({ users: { me: 'secret' } }))
    open.push(() => own.close())
    const { AetherMagic } = aethermagic({ mqtt, redis })
    const login = (password: string): Magic => {
      const username = protocol_type === 'mqtt' ? 'me' : undefined
      return new AetherMagic({ protocol_type, host: '127.0.0.1', port: own.port, username, password })
    }
    const [wrong, right] = [login('wrong'), login('secret')]
    await expect(wrong.main()).rejects.toEqual(coded('ERR_AETHER_TOKEN_REFUSED'))
    await expect(right.connect()).resolves.toBe(true)
    await Promise.all([wrong.close(), right.close()])
  })
})

describe('one task at a time, of whatever kind', () => {
  it.each([
    { protocol_type: 'mqtt' },
    { protocol_type: 'redis', mode: 'streams' },
    { protocol_type: 'redis', mode: 'lists' },
    { protocol_type: 'redis', mode: 'pubsub' },
  ] as const)('on %j', async (kind) => {
    const { AetherMagic, AetherTask } = aethermagic({ mqtt, redis })
    count += 1
    const { port } = kind.protocol_type === 'mqtt' ? broker : server
    const options = { ...kind, host: '127.0.0.1', port, union: `u${count}` }
    const client = new AetherMagic({ ...options, channel: 'client' })
    const worker = new AetherMagic({ ...options, channel: 'worker' })
    open.push(
      () => client.close({ signal: AbortSignal.abort() }),
      () => worker.close({ signal: AbortSignal.abort() }),
    )
    const [now, most, done]: [Set<string>, number[], string[]] = [new Set(), [], []]
    for (const task of ['one', 'other']) {
      await new AetherTask({
        job: 'j',
        task,
        channel: 'worker',
        on_perform: async ({ tid }) => {
          now.add(tid)
          most.push(now.size)
          await new Promise((resolve) => setTimeout(resolve, 10))
          now.delete(tid)
        },
      }).idle()
    }
    const clients = ['one', 'other'].map(
      (task) =>
        new AetherTask({ job: 'j', task, channel: 'client', on_complete: ({ tid }) => done.push(tid) }),
    )
    const sent = await Promise.all(
      clients.flatMap((each) => [each.perform(), each.perform(), each.perform()]),
    )
    await until(() => done.length === 6, { what: 'all done', timeoutMs: 30_000 })
    expect(done.toSorted()).toEqual(sent.toSorted())
    expect(most).toEqual([1, 1, 1, 1, 1, 1])
  })
})

describe('a task on Redis', () => {
  it.each(['streams', 'lists'] as const)('waits for its worker in mode %s, as in Python', async (mode) => {
    const { AetherMagic, AetherTask } = aethermagic({ redis })
    count += 1
    const options = {
      protocol_type: 'redis',
      host: '127.0.0.1',
      port: server.port,
      union: `u${count}`,
    } as const
    const client = new AetherMagic({ ...options, mode, channel: 'client' })
    const worker = new AetherMagic({ ...options, mode, channel: 'worker' })
    open.push(
      () => client.close({ signal: AbortSignal.abort() }),
      () => worker.close(),
    )
    let end: unknown
    await new AetherTask({
      ...image,
      channel: 'client',
      on_complete: (_task, _succeed, data) => (end = data),
    }).perform()
    await new AetherTask({ ...image, channel: 'worker', on_perform: () => 'done' }).idle()
    await until(() => end === 'done', { what: 'the end', timeoutMs: 30_000 })
  })

  it('is refused without a worker in mode pubsub, where Python loses it', async () => {
    const { AetherMagic, AetherTask } = aethermagic({ redis })
    const client = new AetherMagic({
      protocol_type: 'redis',
      host: '127.0.0.1',
      port: server.port,
      union: 'none',
    })
    open.push(() => client.close())
    await expect(new AetherTask({ job: 'a', task: 'b' }).perform()).rejects.toEqual(
      coded('ERR_AETHER_WORKERS_NONE'),
    )
  })

  it.each(['streams', 'lists', 'pubsub'] as const)(
    'reaches everyone in mode %s where it is not shared',
    async (mode) => {
      const { AetherMagic } = aethermagic({ redis })
      count += 1
      const options = {
        protocol_type: 'redis',
        host: '127.0.0.1',
        port: server.port,
        union: `u${count}`,
        mode,
      } as const
      const got: string[] = []
      const route = { job: 'config', task: 'reload', context: 'x' } as const
      const all = ['a', 'b', 'c'].map((name) => [name, new AetherMagic(options)] as const)
      for (const [name, each] of all) {
        open.push(() => each.close({ signal: AbortSignal.abort() }))
        await each.add_task({ ...route, callback: () => got.push(name) })
      }
      await all[0]?.[1].perform_task({ ...route, data: 'now' })
      await until(() => got.length === 3, { what: 'all told', timeoutMs: 30_000 })
      expect(got.toSorted()).toEqual(['a', 'b', 'c'])
      await all[1]?.[1].perform_task({ ...route, data: 'again' })
      await until(() => got.length === 6, { what: 'all told', timeoutMs: 30_000 })
      expect(got.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c'])
    },
  )
})
