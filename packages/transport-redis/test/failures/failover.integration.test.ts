import { type RedisCluster, type RedisServer, startRedisCluster, startRedisSentinel } from '@aether/services'
import { describe, expect, test } from 'vitest'
import { redis, type RedisMode } from '../../src/index.ts'
import { startWorkload, type Workload } from '../support/workload.ts'

/** Performs tasks until told to stop, so that something is under way whatever happens meanwhile. */
function keepBusy(load: Workload): { readonly stop: () => Promise<number> } {
  let isOver = false
  let rounds = 0
  const busy = (async () => {
    while (!isOver) {
      await load.perform(20)
      rounds += 1
    }
  })()
  return {
    stop: async () => {
      isOver = true
      await busy
      return rounds
    },
  }
}

/** Moves a slot as `redis-cli --cluster reshard` does: a few keys at a time. */
async function moveSlot(
  cluster: RedisCluster,
  slot: string,
  from: RedisServer,
  to: RedisServer,
): Promise<number> {
  const [fromId, toId] = await Promise.all([from.cli('cluster', 'myid'), to.cli('cluster', 'myid')])
  await to.cli('cluster', 'setslot', slot, 'importing', fromId)
  await from.cli('cluster', 'setslot', slot, 'migrating', toId)
  let moved = 0
  for (;;) {
    const keys = (await from.cli('cluster', 'getkeysinslot', slot, 2)).split('\n').filter((key) => key !== '')
    if (keys.length === 0) break
    expect(await from.cli('migrate', '127.0.0.1', to.port, '', 0, 5_000, 'keys', ...keys)).toMatch(
      /^(OK|NOKEY)$/,
    )
    moved += keys.length
  }
  for (const node of [to, from]) await node.cli('cluster', 'setslot', slot, 'node', toId)
  for (const node of cluster.masters) await node.cli('cluster', 'setslot', slot, 'node', toId)
  return moved
}

const quick = { backoff: { initialMs: 10, maxMs: 100 }, connectTimeoutMs: 20_000, keepAliveMs: 500 }

describe.each<RedisMode>(['streams', 'lists', 'pubsub'])('mode %s', (mode) => {
  /** At most once means that what is on its way may be lost: there it is asked again. */
  const recover = async (load: Workload): Promise<void> => {
    const isAnswered = (): Promise<boolean> =>
      load.perform(2).then(
        () => true,
        () => false,
      )
    if (mode === 'pubsub') await expect.poll(isAnswered, { timeout: 20_000 }).toBe(true)
    await load.perform(100)
  }

  test(
    'a master of a Cluster freezes, its replica takes over, and it comes back',
    { timeout: 60_000 },
    async () => {
      const cluster = await startRedisCluster({ replicas: 1 })
      const load = await startWorkload(() => redis({ mode, ...quick, cluster: cluster.urls }))
      await load.perform(50)
      const slot = await (cluster.masters[0] as RedisServer).cli(
        'cluster',
        'keyslot',
        '{users/deployment/double}',
      )
      const frozen = Math.floor(Number(slot) / 5_462)
      cluster.masters[frozen]?.freeze()
      const meanwhile = mode === 'pubsub' ? undefined : load.perform(300)
      await expect.poll(() => cluster.replicas[frozen]?.cli('role'), { timeout: 20_000 }).toContain('master')
      await meanwhile
      await recover(load)
      cluster.masters[frozen]?.thaw()
      await expect.poll(() => cluster.masters[frozen]?.cli('role'), { timeout: 20_000 }).toContain('slave')
      await recover(load)
      await load.close()
      await cluster.close()
    },
  )

  test('a master of a Cluster is replaced on purpose', { timeout: 60_000 }, async () => {
    const cluster = await startRedisCluster({ replicas: 1 })
    const load = await startWorkload(() => redis({ mode, ...quick, cluster: cluster.urls }))
    await load.perform(50)
    const meanwhile = load.perform(500)
    for (const replica of cluster.replicas) {
      await replica.cli('cluster', 'failover')
      await expect.poll(() => replica.cli('role'), { timeout: 20_000 }).toContain('master')
    }
    await meanwhile
    await load.perform(100)
    await load.close()
    await cluster.close()
  })

  test('a master behind Sentinels freezes, and its replica takes over', { timeout: 60_000 }, async () => {
    const servers = await startRedisSentinel()
    const load = await startWorkload(() =>
      redis({ mode, ...quick, sentinels: [servers.sentinel.url], name: servers.name }),
    )
    await load.perform(50)
    servers.master.freeze()
    const meanwhile = mode === 'pubsub' ? undefined : load.perform(300)
    await expect.poll(() => servers.replica.cli('role'), { timeout: 20_000 }).toContain('master')
    await meanwhile
    await recover(load)
    await load.close()
    await servers.close()
  })
})

describe.each<RedisMode>(['streams', 'lists'])('mode %s', (mode) => {
  test('tasks go on while their slot moves from node to node', { timeout: 60_000 }, async () => {
    const cluster = await startRedisCluster()
    const load = await startWorkload(() => redis({ mode, ...quick, cluster: cluster.urls }))
    await load.perform(50)
    const busy = keepBusy(load)
    const slot = await (cluster.masters[0] as RedisServer).cli(
      'cluster',
      'keyslot',
      '{users/deployment/double}',
    )
    const home = Math.floor(Number(slot) / 5_462)
    let moved = 0
    for (let step = 0; step < 4; step++) {
      const [from, to] = [0, 1].map((more) => cluster.masters[(home + step + more) % 3])
      moved += await moveSlot(cluster, slot, from as RedisServer, to as RedisServer)
    }
    expect(moved).toBeGreaterThan(4)
    expect(await busy.stop()).toBeGreaterThan(0)
    await load.perform(50)
    await load.close()
    await cluster.close()
  })
})
