import { silentLogger } from '@aether/core'
import { type RedisCluster, startRedisCluster } from '@aether/services'
import { Cluster } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
