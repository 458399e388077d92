import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { program } from '../install/program.ts'
import { freePort } from '../process/free-port.ts'
import { startSupervised } from '../process/supervised.ts'
import { until } from '../until.ts'
import { closeAll, startAll } from './close-all.ts'
import { inSync } from './redis-cluster.ts'
import { type RedisServer, type RedisServerOptions, startRedis, withCli } from './redis-server.ts'

export interface RedisSentinelOptions extends Pick<RedisServerOptions, 'config' | 'persistence'> {
  /** What the Sentinel calls the master. @default 'aether' */
  readonly name?: string
  /** After how long without an answer the master counts as down. @default 500 */
  readonly downAfterMs?: number
  /** @default 30_000 */
  readonly readyTimeoutMs?: number
}

export interface RedisSentinel {
  readonly name: string
  /** Who was the master at the start. */
  readonly master: RedisServer
  readonly replica: RedisServer
  /** One Sentinel whose vote is enough. */
  readonly sentinel: RedisServer
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A master, its replica and a Sentinel that makes the replica master when the master is down; resolves when the Sentinel would do so. */
export async function startRedisSentinel(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
  const name = options.name ?? 'aether'
  const timeoutMs = options.readyTimeoutMs ?? 30_000
  const started: RedisServer[] = []
  const close = (): Promise<void> => closeAll(started)
  try {
    const persistence = options.persistence === undefined ? {} : { persistence: options.persistence }
    const config = { 'repl-diskless-sync': 'no', ...options.config }
    const servers = await startAll([
      startRedis({ ...persistence, config }),
      startRedis({ ...persistence, config }),
    ])
    started.push(...servers)
    const [master, replica] = servers as [RedisServer, RedisServer]
    await replica.cli('replicaof', '127.0.0.1', master.port)
    await until('a replica in sync', timeoutMs, () => inSync(replica))
    const sentinel = await startSentinel(name, master.port, options)
    started.push(sentinel)
    await until('a Sentinel that knows the replica', timeoutMs, () => knowsReplica(sentinel, name))
    return { name, master, replica, sentinel, close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startSentinel(
  name: string,
  masterPort: number,
  { downAfterMs = 500, readyTimeoutMs = 15_000 }: RedisSentinelOptions,
): Promise<RedisServer> {
  const service = await startSupervised({
    name: 'redis-sentinel',
    program: await program('redis-server', 'redis-server'),
    folder: undefined,
    mayMove: true,
    readyTimeoutMs,
    ready: /Sentinel ID is/,
    version: /Redis version=([\d.]+)/,
    arrange: async (home) => {
      const port = await freePort()
      // A Sentinel keeps what it learns in its configuration file.
      const path = join(home, 'sentinel.conf')
      const lines = [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${home}`,
        `sentinel monitor ${name} 127.0.0.1 ${masterPort} 1`,
        `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
        `sentinel failover-timeout ${name} 3000`,
      ]
      await writeFile(path, `${lines.join('\n')}\n`)
      return { port, url: `redis://127.0.0.1:${port}`, args: [path, '--sentinel'] }
    },
  })
  return withCli(service, undefined)
}

/** With its link up: before that the Sentinel would not promote it. */
async function knowsReplica(sentinel: RedisServer, name: string): Promise<boolean> {
  const lines = (await sentinel.cli('sentinel', 'replicas', name)).split('\n')
  const field = (key: string): string | undefined => lines[lines.indexOf(key) + 1]
  return field('flags') === 'slave' && field('master-link-status') === 'ok'
}
