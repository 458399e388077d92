import { silentLogger } from '@aether/core'
import { makeCertificates, type RedisCluster, type RedisServer, startRedisCluster } from '@aether/services'
import { Cluster } from 'ioredis'
import { until } from '@aether/testing'
import { getActiveResourcesInfo } from 'node:process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLink } from '../../src/link/create-link.ts'
import type { RedisLink } from '../../src/link/redis-link.ts'
import { type RedisOptions, resolveOptions } from '../../src/options.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: 1 })
}, 40_000)
afterAll(() => cluster.close())

async function opened(options: RedisOptions = {}): Promise<RedisLink> {
  const link = createLink(
    resolveOptions({
      cluster: [cluster.urls[0] as string],
      backoff: { initialMs: 5, maxMs: 50 },
      ...options,
    }),
  )
  await link.start(silentLogger)
  return link
}

const keep = { name: 'keep', lua: "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])" }
const keys = Array.from({ length: 60 }, (_, index) => `cluster:{${index}}/key`)

async function keepAll(link: RedisLink, value: string): Promise<void> {
  const replies = await Promise.all(keys.map((key) => link.run(keep, [key], [value])))
  expect(new Set(replies.map(String))).toEqual(new Set([value]))
}

test('scripts run where their key lives, after a script flush too', async () => {
  const link = await opened()
  expect(link.isCluster).toBe(true)
  await keepAll(link, 'one')
  const held = await Promise.all(cluster.masters.map((node) => node.cli('dbsize')))
  expect(held.map(Number).every((count) => count > 0)).toBe(true)
  await cluster.masters[1]?.cli('script', 'flush')
  await keepAll(link, 'two')
  await link.close()
})

test('a message reaches a subscriber on any node', async () => {
  const links = await Promise.all(cluster.urls.slice(0, 3).map((url) => opened({ cluster: [url] })))
  const heard: string[] = []
  await Promise.all(
    links.map((link, index) =>
      link.subscribe('news', (message) => heard.push(`${index} ${message.toString()}`)),
    ),
  )
  await Promise.all(links.map((link, index) => link.publish('news', Buffer.from(`from ${index}`))))
  await expect.poll(() => heard.length).toBe(9)
  await Promise.all(links.map((link) => link.close()))
})

test('an injected Cluster runs commands, and stays open', async () => {
  const node = { host: '127.0.0.1', port: cluster.nodes[0]?.port as number }
  const client = new Cluster([node], { lazyConnect: true })
  await client.connect()
  const listeners = client.listenerCount('close')
  const link = createLink(resolveOptions({ client }))
  await link.start(silentLogger)
  await keepAll(link, 'injected')
  const heard: string[] = []
  await link.subscribe('injected', (message) => heard.push(message.toString()))
  await link.publish('injected', Buffer.from('hi'))
  await expect.poll(() => heard).toEqual(['hi'])
  await link.close()
  expect(await client.get(keys[0] as string)).toBe('injected')
  expect(client.listenerCount('close')).toBe(listeners)
  client.disconnect()
})

test('by TLS, with a password', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aether-tls-'))
  const { ca, server: pair } = await makeCertificates(folder)
  const secure = await startRedisCluster({ tls: { ...pair, ca } })
  await Promise.all(secure.nodes.map((node) => node.cli('config', 'set', 'requirepass', 'geheim')))
  const access = { cluster: secure.urls, tls: { ca: await readFile(ca) } }
  const link = await opened({ ...access, password: 'geheim' })
  await keepAll(link, 'secret')
  await link.close()
  await expect(opened(access)).rejects.toMatchObject({ code: 'ERR_AETHER_TOKEN_REFUSED' })
  await secure.close()
  await rm(folder, { recursive: true })
})

test('calls follow a slot that moves to another node', async () => {
  const link = await opened()
  const [from, to] = cluster.masters as [RedisCluster['nodes'][0], RedisCluster['nodes'][0]]
  await link.run(keep, ['{moving}'], ['before'])
  const slot = await from.cli('cluster', 'keyslot', '{moving}')
  const owner = cluster.masters[Math.floor(Number(slot) / 5_462)] as typeof from
  const other = owner === from ? to : from
  const [ownerId, otherId] = await Promise.all([owner.cli('cluster', 'myid'), other.cli('cluster', 'myid')])
  await other.cli('cluster', 'setslot', slot, 'importing', ownerId)
  await owner.cli('cluster', 'setslot', slot, 'migrating', otherId)
  await owner.cli('migrate', '127.0.0.1', other.port, '{moving}', 0, 5_000)
  // The key is away, the slot not yet: ASK.
  expect(String(await link.run(keep, ['{moving}'], ['asked']))).toBe('asked')
  expect(await other.cli('cluster', 'countkeysinslot', slot)).toBe('1')
  await other.cli('cluster', 'setslot', slot, 'node', otherId)
  await owner.cli('cluster', 'setslot', slot, 'node', otherId)
  // Now MOVED.
  expect(String(await link.run(keep, ['{moving}'], ['moved']))).toBe('moved')
  await link.close()
})

test('calls for a master that dies wait for its replica to take over', { timeout: 40_000 }, async () => {
  const link = await opened({ connectTimeoutMs: 20_000 })
  await keepAll(link, 'before')
  await cluster.masters[2]?.kill()
  await expect
    .poll(() => Promise.allSettled(keys.map((key) => link.run(keep, [key], ['after']))), { timeout: 20_000 })
    .toEqual(keys.map(() => ({ status: 'fulfilled', value: Buffer.from('after') })))
  expect(link.state.status).toBe('ready')
  await link.close()
})

describe('with a frozen node', () => {
  let own: RedisCluster
  beforeAll(async () => {
    own = await startRedisCluster({ config: { 'cluster-require-full-coverage': 'no' } })
  }, 40_000)
  afterAll(() => own.close())

  test('the others are used, and it is when it is back', async () => {
    const first = own.masters[0] as RedisServer
    first.freeze()
    const link = await opened({ cluster: own.urls, attemptTimeoutMs: 1_500, connectTimeoutMs: 6_000 })
    const settled = await Promise.allSettled(
      keys.map((key) => link.run(keep, [key], ['part'], { signal: AbortSignal.timeout(1_000) })),
    )
    const answered = settled.filter((one) => one.status === 'fulfilled').length
    expect(answered).toBeGreaterThan(10)
    expect(answered).toBeLessThan(50)
    first.thaw()
    await keepAll(link, 'all')
    await link.close()
  })

  test('close leaves nothing, also while it starts', async () => {
    const before = getActiveResourcesInfo().length
    const link = await opened({ cluster: own.urls })
    await link.subscribe('x', () => {})
    await link.close()
    const first = own.masters[0] as RedisServer
    first.freeze()
    const starting = createLink(resolveOptions({ cluster: [first.url] }))
    const start = starting.start(silentLogger).catch((error: unknown) => error)
    await starting.close()
    expect(await start).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
    first.thaw()
    await until(() => getActiveResourcesInfo().length <= before)
  })
})
