import {
  makeCertificates,
  type RedisCluster,
  type RedisSentinel,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from '@aether/services'
import { Cluster, Redis } from 'ioredis'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { redis, type RedisMode, type RedisOptions } from '../src/index.ts'
import { startWorkload, type Workload } from './support/workload.ts'

const quick = { backoff: { initialMs: 10, maxMs: 100 }, connectTimeoutMs: 20_000 }

/** Of what an application would notice if a client of its own came back changed. */
function listenersOf(client: Redis | Cluster): readonly unknown[] {
  return client.eventNames().map((name) => [name, client.listenerCount(name)])
}

describe.each<RedisMode>(['streams', 'lists', 'pubsub'])('mode %s', (mode) => {
  /** With pub/sub a worker that has not found the new master yet is not there: its caller asks again. */
  const recover = async (load: Workload): Promise<void> => {
    const isAnswered = (): Promise<boolean> =>
      load.perform(2).then(
        () => true,
        () => false,
      )
    if (mode === 'pubsub') await expect.poll(isAnswered, { timeout: 20_000 }).toBe(true)
    await load.perform(100)
  }
  const make = (options: RedisOptions) => () => redis({ mode, ...quick, ...options })

  test('with TLS, as a user that may do little, in a database, under a prefix', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'aether-tls-'))
    const { ca, server: pair } = await makeCertificates(folder)
    const server = await startRedis({ tls: { ...pair, ca } })
    const rules = ['~shop:*', '&shop:*', 'resetchannels', '&shop:*', '+@all', '-@dangerous', '-@admin']
    await server.cli('acl', 'setuser', 'anna', 'on', '>geheim', 'resetkeys', ...rules)
    const tls = { ca: await readFile(ca) }
    const load = await startWorkload(
      make({ url: server.url, tls, username: 'anna', password: 'geheim', db: 5, prefix: 'shop:' }),
    )
    await load.perform(50)
    const keys = await server.cli('info', 'keyspace')
    if (mode !== 'pubsub') expect(keys).toContain('db5')
    expect(keys).not.toContain('db0')
    await load.close()
    await server.close()
    await rm(folder, { recursive: true })
  })

  test('with a client of the application', async () => {
    const server = await startRedis()
    const client = new Redis({ port: server.port, lazyConnect: true })
    await client.connect()
    const before = listenersOf(client)
    const load = await startWorkload(make({ client }))
    await load.perform(50)
    await server.cli('client', 'kill', 'type', 'normal')
    await load.perform(50)
    await load.close()
    expect(listenersOf(client)).toEqual(before)
    expect(await client.ping()).toBe('PONG')
    client.disconnect()
    await server.close()
  })

  test('on a server that speaks only RESP2', async () => {
    const server = await startRedis({ args: ['--rename-command', 'HELLO', 'secret'] })
    // In RESP2 a connection that listens answers PING differently.
    const load = await startWorkload(make({ url: server.url, keepAliveMs: 200 }))
    await load.perform(50)
    const own = async (): Promise<string[]> =>
      [...(await server.cli('client', 'list')).matchAll(/^id=(\d+) .* cmd=(?!client)/gm)].map(
        ([, id]) => id as string,
      )
    const before = await own()
    expect(before).toHaveLength(4)
    const pings = async (): Promise<number> =>
      Number(/cmdstat_ping:calls=(\d+)/.exec(await server.cli('info', 'commandstats'))?.[1] ?? 0)
    const already = await pings()
    await expect.poll(pings, { timeout: 5_000 }).toBeGreaterThan(already + 8)
    await load.perform(50)
    expect(await own()).toEqual(before)
    await load.close()
    await server.close()
  })

  describe('on a Cluster', () => {
    async function withCluster(
      options: { readonly replicas: number },
      use: (cluster: RedisCluster) => Promise<void>,
    ): Promise<void> {
      const cluster = await startRedisCluster(options)
      try {
        await use(cluster)
      } finally {
        await cluster.close()
      }
    }

    test('of three nodes, by addresses and by a client of the application', { timeout: 40_000 }, async () => {
      await withCluster({ replicas: 0 }, async (cluster) => {
        const load = await startWorkload(make({ cluster: cluster.urls }))
        await load.perform(200)
        await load.close()
        const client = new Cluster([{ host: '127.0.0.1', port: cluster.nodes[0]?.port as number }], {
          lazyConnect: true,
        })
        await client.connect()
        const before = listenersOf(client)
        const injected = await startWorkload(make({ client }))
        await injected.perform(200)
        await injected.close()
        expect(listenersOf(client)).toEqual(before)
        expect(await client.ping()).toBe('PONG')
        client.disconnect()
      })
    })

    test('a master dies and its replica takes over', { timeout: 60_000 }, async () => {
      await withCluster({ replicas: 1 }, async (cluster) => {
        const load = await startWorkload(make({ cluster: cluster.urls }))
        await load.perform(50)
        // At most once means that what is on its way may be lost: there it is asked again only afterwards.
        const meanwhile = mode === 'pubsub' ? undefined : load.perform(300)
        await cluster.masters[1]?.kill()
        await meanwhile
        await expect
          .poll(() => cluster.masters[0]?.cli('cluster', 'info'), { timeout: 20_000 })
          .toContain('cluster_state:ok')
        await recover(load)
        await load.close()
      })
    })
  })

  test('behind Sentinels: the master dies and its replica takes over', { timeout: 60_000 }, async () => {
    const servers: RedisSentinel = await startRedisSentinel()
    const load = await startWorkload(make({ sentinels: [servers.sentinel.url], name: servers.name }))
    await load.perform(50)
    const meanwhile = mode === 'pubsub' ? undefined : load.perform(300)
    await servers.master.kill()
    await meanwhile
    await expect.poll(() => servers.replica.cli('role'), { timeout: 20_000 }).toContain('master')
    await recover(load)
    await load.close()
    await servers.close()
  })
})
