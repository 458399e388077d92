import { until } from '../until.ts'
import { busOffset } from './cluster-bus.ts'
import { closeAll, startAll } from './close-all.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from './redis-server.ts'

export interface RedisClusterOptions extends Pick<RedisServerOptions, 'config' | 'persistence' | 'tls'> {
  /** Masters, which share the slots evenly. @default 3 */
  readonly nodes?: number
  /** Replicas of each master. @default 0 */
  readonly replicas?: number
  /** After how long without an answer a node counts as failed. @default 2_000 */
  readonly nodeTimeoutMs?: number
  /** @default 30_000 */
  readonly readyTimeoutMs?: number
}

export interface RedisCluster {
  /** The masters first, in the order of their slots; then their replicas. */
  readonly nodes: readonly RedisServer[]
  readonly masters: readonly RedisServer[]
  /** The replicas of `masters[i]` are those at `i * replicas` and after it. */
  readonly replicas: readonly RedisServer[]
  /** Of all nodes. */
  readonly urls: readonly string[]
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const slots = 16_384

/** A real Redis Cluster; resolves when every node says that its state is ok and every replica is in sync. Takes about two seconds: Redis waits so long. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const count = options.nodes ?? 3
  const perMaster = options.replicas ?? 0
  const starting = Array.from({ length: count * (1 + perMaster) }, () => startNode(options))
  const nodes = await startAll(starting)
  const masters = nodes.slice(0, count)
  const replicas = nodes.slice(count)
  try {
    await form(masters, replicas, perMaster, options.readyTimeoutMs ?? 30_000)
  } catch (error) {
    await closeAll(nodes)
    throw error
  }
  const close = (): Promise<void> => closeAll(nodes)
  return {
    nodes,
    masters,
    replicas,
    urls: nodes.map((node) => node.url),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function startNode({ config, persistence, tls, nodeTimeoutMs }: RedisClusterOptions): Promise<RedisServer> {
  return startRedis({
    ...(persistence === undefined ? {} : { persistence }),
    ...(tls === undefined ? {} : { tls }),
    config: {
      'cluster-enabled': 'yes',
      'cluster-node-timeout': nodeTimeoutMs ?? 2_000,
      'repl-diskless-sync': 'no',
      ...(tls === undefined ? {} : { 'tls-cluster': 'yes', 'tls-replication': 'yes' }),
      ...config,
    },
  })
}

async function form(
  masters: readonly RedisServer[],
  replicas: readonly RedisServer[],
  perMaster: number,
  timeoutMs: number,
): Promise<void> {
  const nodes = [...masters, ...replicas]
  const ids = await Promise.all(nodes.map((node) => node.cli('cluster', 'myid')))
  await Promise.all(
    masters.map((node, index) => {
      const first = Math.ceil((index * slots) / masters.length)
      const last = Math.ceil(((index + 1) * slots) / masters.length) - 1
      return node.cli('cluster', 'addslotsrange', first, last)
    }),
  )
  // Different from the start, so that no two masters have to settle whose slots are newer.
  await Promise.all(nodes.map((node, index) => node.cli('cluster', 'set-config-epoch', index + 1)))
  const [first] = nodes as [RedisServer]
  for (const node of nodes.slice(1))
    await first.cli('cluster', 'meet', '127.0.0.1', node.port, node.port + busOffset)
  await until('a cluster whose nodes all know each other', timeoutMs, () =>
    every(nodes, async (node) => {
      const known = await node.cli('cluster', 'nodes')
      return ids.every((id) => known.includes(id)) && !known.includes('handshake')
    }),
  )
  await Promise.all(
    replicas.map((node, index) =>
      node.cli('cluster', 'replicate', ids[Math.floor(index / perMaster)] as string),
    ),
  )
  await until('a cluster whose state is ok', timeoutMs, async () => {
    const isOk = await every(nodes, async (node) => {
      const [info, known] = await Promise.all([node.cli('cluster', 'info'), node.cli('cluster', 'nodes')])
      return info.includes('cluster_state:ok') && (known.match(/slave/g)?.length ?? 0) === replicas.length
    })
    return isOk && (await every(replicas, inSync))
  })
}

/** Whether this replica follows its master. */
export async function inSync(node: RedisServer): Promise<boolean> {
  return (await node.cli('info', 'replication')).includes('master_link_status:up')
}

async function every(
  nodes: readonly RedisServer[],
  holds: (node: RedisServer) => Promise<boolean>,
): Promise<boolean> {
  return (await Promise.all(nodes.map(holds))).every(Boolean)
}
