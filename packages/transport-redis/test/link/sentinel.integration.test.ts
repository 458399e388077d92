import { silentLogger } from '@aether/core'
import { type RedisSentinel, startRedisSentinel } from '@aether/services'
import { Redis } from 'ioredis'
import { until } from '@aether/testing'
import { getActiveResourcesInfo } from 'node:process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createLink } from '../../src/link/create-link.ts'
import { type RedisOptions, resolveOptions } from '../../src/options.ts'

let servers: RedisSentinel
beforeAll(async () => {
  servers = await startRedisSentinel()
}, 40_000)
afterAll(() => servers.close())

function options(): RedisOptions {
  return {
    sentinels: [{ host: '127.0.0.1', port: 1 }, servers.sentinel.url],
    name: servers.name,
    backoff: { initialMs: 5, maxMs: 50 },
    connectTimeoutMs: 15_000,
  }
}

test('a name that the Sentinel does not know, and a Sentinel that is none', async () => {
  const unknown = createLink(resolveOptions({ ...options(), name: 'nobody' }))
  await expect(unknown.start(silentLogger)).rejects.toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
  await unknown.close()
  const none = createLink(resolveOptions({ ...options(), sentinels: [servers.master.url] }))
  await expect(none.start(silentLogger)).rejects.toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
  await none.close()
  const direct = createLink(resolveOptions({ url: servers.sentinel.url }))
  await expect(direct.start(silentLogger)).rejects.toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
  await direct.close()
})

test('a replica is no place for tasks', async () => {
  const link = createLink(resolveOptions({ url: servers.replica.url, connectTimeoutMs: 1_000 }))
  await expect(link.start(silentLogger)).rejects.toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED' })
  await link.close()
})

test('the link follows the master', { timeout: 40_000 }, async () => {
  const client = new Redis({
    sentinels: [{ host: '127.0.0.1', port: servers.sentinel.port }],
    name: servers.name,
    maxRetriesPerRequest: null,
  })
  client.on('error', () => {})
  const links = [createLink(resolveOptions(options())), createLink(resolveOptions({ client }))]
  for (const link of links) await link.start(silentLogger)
  const heard: string[] = []
  for (const link of links) {
    await link.subscribe('news', (message) => heard.push(message.toString()))
    await link.command('SET', ['key', 'value'])
    expect(String(await link.command('GET', ['key']))).toBe('value')
  }
  await servers.master.kill()
  for (const link of links) {
    await expect.poll(() => link.state, { timeout: 15_000 }).toEqual({ status: 'ready', generation: 2 })
    await link.command('SET', ['key', 'on the new one'])
  }
  expect(await servers.replica.cli('get', 'key')).toBe('on the new one')
  await links[0]?.publish('news', Buffer.from('hi'))
  await expect.poll(() => heard).toEqual(['hi', 'hi'])
  for (const link of links) await link.close()
  expect(client.listenerCount('close')).toBe(0)
  client.disconnect()
})

test('a master that freezes is left as soon as the Sentinels say so', { timeout: 40_000 }, async () => {
  const frozen = await startRedisSentinel()
  const address = { sentinels: [frozen.sentinel.url], name: frozen.name }
  // Its own watch would take much longer.
  const link = createLink(resolveOptions({ ...options(), ...address, keepAliveMs: 60_000 }))
  await link.start(silentLogger)
  frozen.master.freeze()
  await expect.poll(() => link.state, { timeout: 15_000 }).toEqual({ status: 'ready', generation: 2 })
  await link.command('SET', ['key', 'value'])
  expect(await frozen.replica.cli('get', 'key')).toBe('value')
  frozen.master.thaw()
  await link.close()
  await frozen.close()
})

test(
  'a master without its Sentinel works on, and is watched again when there is one',
  { timeout: 40_000 },
  async () => {
    const own = await startRedisSentinel()
    const address = { sentinels: [own.sentinel.url], name: own.name }
    const link = createLink(resolveOptions({ ...options(), ...address, keepAliveMs: 100 }))
    await link.start(silentLogger)
    await own.sentinel.kill()
    const printed = vi.spyOn(console, 'error')
    await link.command('SET', ['key', 'value'])
    let sought = 0
    const stranger = createServer((socket) => {
      sought += 1
      socket.resetAndDestroy()
    })
    await once(stranger.listen(own.sentinel.port, '127.0.0.1'), 'listening')
    await expect.poll(() => sought, { timeout: 10_000 }).toBeGreaterThan(1)
    stranger.close()
    expect(printed).not.toHaveBeenCalled()
    await own.sentinel.restart()
    const watchers = async (): Promise<number> =>
      (await own.sentinel.cli('client', 'list', 'type', 'pubsub')).split('\n').filter((line) => line !== '')
        .length
    await expect.poll(watchers, { timeout: 10_000 }).toBe(1)
    expect(link.state.status).toBe('ready')
    await link.close()
    await expect.poll(watchers, { timeout: 10_000 }).toBe(0)
    await own.close()
  },
)

test(
  'that another master of the Sentinels changes is nothing to this link',
  { timeout: 40_000 },
  async () => {
    const [own, other] = await Promise.all([startRedisSentinel(), startRedisSentinel()])
    await own.sentinel.cli('sentinel', 'monitor', 'other', '127.0.0.1', other.master.port, 1)
    const link = createLink(resolveOptions({ ...options(), sentinels: [own.sentinel.url], name: own.name }))
    await link.start(silentLogger)
    const replicas = (): Promise<string> => own.sentinel.cli('sentinel', 'replicas', 'other')
    await expect.poll(replicas, { timeout: 20_000 }).toMatch(/master-link-status\nok/)
    const listener = new Redis({ port: own.sentinel.port })
    const heard: string[] = []
    listener.on('message', (_channel, message) => heard.push(message))
    await listener.subscribe('+switch-master')
    expect(await own.sentinel.cli('sentinel', 'failover', 'other')).toBe('OK')
    await expect.poll(() => heard.join(), { timeout: 20_000 }).toMatch(/^other /)
    listener.disconnect()
    await link.command('SET', ['key', 'value'])
    expect(link.state).toEqual({ status: 'ready', generation: 1 })
    await link.close()
    await Promise.all([own.close(), other.close()])
  },
)

test('close leaves nothing at once, also while a frozen Sentinel is asked', { timeout: 40_000 }, async () => {
  const own = await startRedisSentinel()
  own.sentinel.freeze()
  const before = getActiveResourcesInfo().length
  const link = createLink(resolveOptions({ ...options(), sentinels: [own.sentinel.url], name: own.name }))
  const start = link.start(silentLogger).catch((error: unknown) => error)
  await until(() => getActiveResourcesInfo().includes('TCPSocketWrap'))
  const began = performance.now()
  await link.close()
  await until(() => getActiveResourcesInfo().length <= before)
  expect(performance.now() - began).toBeLessThan(1_000)
  expect(await start).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
  own.sentinel.thaw()
  await own.close()
})

test('a frozen Sentinel keeps nobody from asking the next one', { timeout: 40_000 }, async () => {
  const [own, frozen] = await Promise.all([startRedisSentinel(), startRedisSentinel()])
  frozen.sentinel.freeze()
  const link = createLink(
    resolveOptions({
      ...options(),
      sentinels: [frozen.sentinel.url, own.sentinel.url],
      name: own.name,
      attemptTimeoutMs: 1_500,
    }),
  )
  await link.start(silentLogger)
  await link.command('SET', ['key', 'value'])
  expect(await own.master.cli('get', 'key')).toBe('value')
  await link.close()
  await Promise.all([own.close(), frozen.close()])
})
