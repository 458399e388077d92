/**
 * What ioredis does by itself on a real Cluster and behind a real Sentinel when something fails: what `docs/adr/0009-redis-deployments.md` says of it. Takes half a minute.
 *
 *     node --conditions=@aether/source --import tsx bench/ioredis-alone.ts
 */
import {
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
} from '@aether/services'
import { Cluster, Redis } from 'ioredis'
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'

async function connected(
  servers: readonly RedisServer[],
  options: ConstructorParameters<typeof Cluster>[1] = {},
): Promise<Cluster> {
  const nodes = servers.map(({ port }) => ({ host: '127.0.0.1', port }))
  const client = new Cluster(nodes, { ...options, lazyConnect: true })
  client.on('error', () => {})
  await client.connect()
  return client
}

/** A key of a slot of the master with this index. */
async function keyOf(cluster: RedisCluster, index: number): Promise<string> {
  for (let number = 0; ; number++) {
    const slot = Number(await cluster.masters[0]?.cli('cluster', 'keyslot', `key${number}`))
    if (Math.floor(slot / 5_462) === index) return `key${number}`
  }
}

async function repeats(cluster: RedisCluster, retryDelayOnFailover: number): Promise<void> {
  const client = await connected(cluster.masters, { retryDelayOnFailover })
  const key = `count${retryDelayOnFailover}`
  const calls: Promise<boolean>[] = []
  const count = (): Promise<boolean> =>
    client.eval("return redis.call('INCR', KEYS[1])", 1, key).then(
      () => true,
      () => false,
    )
  for (let round = 0; round < 40; round++) {
    for (let one = 0; one < 50; one++) calls.push(count())
    await pause(5)
    if (round % 8 === 3) for (const node of cluster.masters) void node.cli('client', 'kill', 'type', 'normal')
  }
  const answered = (await Promise.all(calls)).filter(Boolean).length
  console.log(`retryDelayOnFailover ${retryDelayOnFailover}:`, {
    asked: calls.length,
    answered,
    counted: Number(await client.get(key)),
  })
  client.disconnect()
}

async function listens(cluster: RedisCluster): Promise<void> {
  const [listener, speaker] = await Promise.all([connected(cluster.masters), connected(cluster.masters)])
  const heard: number[] = []
  const events: string[] = []
  const { emit } = listener
  listener.emit = (name: string, ...args: unknown[]) => {
    if (name !== 'message' && name !== 'messageBuffer') events.push(name)
    return emit.call(listener, name, ...args)
  }
  listener.on('message', (_channel, message) => heard.push(Number(message)))
  await listener.subscribe('news')
  let said = 0
  const speak = async (count: number): Promise<void> => {
    for (let one = 0; one < count; one++) {
      void speaker.publish('news', String(said++))
      if (one % 3 === 0) await turn()
    }
  }
  await speak(2_000)
  await pause(500)
  console.log('order:', {
    said,
    heard: heard.length,
    inOrder: heard.every((one, at) => at === 0 || one > (heard[at - 1] ?? 0)),
  })
  const kills = cluster.masters.map((node) => node.cli('client', 'kill', 'type', 'pubsub'))
  await Promise.all([speak(20_000), ...kills])
  await pause(1_000)
  console.log('its listening connection killed:', { said, heard: heard.length, events })
  for (const client of [listener, speaker]) client.disconnect()
}

async function freezes(cluster: RedisCluster): Promise<void> {
  const client = await connected(cluster.masters)
  const key = await keyOf(cluster, 1)
  await client.get(key)
  cluster.masters[1]?.freeze()
  const answer = client.get(key).catch((error: Error) => error.message)
  console.log('a frozen node:', await Promise.race([answer, pause(10_000, 'unsettled after 10 s')]))
  cluster.masters[1]?.thaw()
  client.disconnect()
}

async function asks(cluster: RedisCluster): Promise<void> {
  const client = await connected(cluster.masters)
  const key = await keyOf(cluster, 1)
  const [from, to] = [cluster.masters[1], cluster.masters[2]] as [RedisServer, RedisServer]
  const [fromId, toId] = await Promise.all([from.cli('cluster', 'myid'), to.cli('cluster', 'myid')])
  const slot = await from.cli('cluster', 'keyslot', key)
  await to.cli('cluster', 'setslot', slot, 'importing', fromId)
  await from.cli('cluster', 'setslot', slot, 'migrating', toId)
  const unhandled: string[] = []
  process.on('unhandledRejection', (reason) => unhandled.push(String(reason)))
  await to.kill()
  await client.get(key).catch(() => {})
  await pause(500)
  console.log('ASK to a node that died, rejections that nobody handles:', unhandled)
  client.disconnect()
}

async function nameless(): Promise<void> {
  const node = await startRedis({ config: { 'cluster-enabled': 'yes' } })
  await node.cli('cluster', 'addslotsrange', 0, 16_383)
  const set = async (): Promise<string> => (await connected([node])).set('key', 'value')
  console.log(
    'a node that never met another:',
    await Promise.race([set(), pause(5_000, 'unsettled after 5 s')]),
  )
  await node.close()
}

async function switches(): Promise<void> {
  const [own, other] = await Promise.all([startRedisSentinel(), startRedisSentinel()])
  await own.sentinel.cli('sentinel', 'monitor', 'other', '127.0.0.1', other.master.port, 1)
  const sentinels = [{ host: '127.0.0.1', port: own.sentinel.port }]
  const client = new Redis({ sentinels, name: own.name, failoverDetector: true })
  await client.ping()
  let ended = 0
  client.on('close', () => ended++)
  const replicas = (): Promise<string> => own.sentinel.cli('sentinel', 'replicas', 'other')
  while (!(await replicas()).includes('master-link-status\nok')) await pause(100)
  await own.sentinel.cli('sentinel', 'failover', 'other')
  await pause(5_000)
  console.log('another master of its Sentinels changed: connections ended', ended)
  client.disconnect()
  await Promise.all([own.close(), other.close()])
}

const cluster = await startRedisCluster()
await repeats(cluster, 100)
await repeats(cluster, 0)
await listens(cluster)
await freezes(cluster)
await asks(cluster)
await cluster.close()
await nameless()
await switches()
process.exit()
