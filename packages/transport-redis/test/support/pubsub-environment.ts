import type { Transport } from '@aether/core'
import { type RedisServer, startRedis } from '@aether/services'
import {
  createFaultProxy,
  type Environment,
  type EnvironmentOptions,
  type FaultProxy,
  type Link,
  spawnWorkerProcess,
  type TransportOverrides,
} from '@aether/testing'
import { redis, type RedisOptions, type RedisPubsubCapabilities } from '../../src/index.ts'

/** Proxies of one environment: as many as a case has transports with links. */
const maxProxies = 12

/** Soon lost, soon back: so that a case does not wait for heartbeats. */
const quick = {
  backoff: { initialMs: 20, maxMs: 200 },
  attemptTimeoutMs: 2_000,
  keepAliveMs: 1_000,
} satisfies RedisOptions

/** Environments for the conformance suite, each under a prefix of its own on one real Redis. */
export interface PubSubEnvironments {
  create(limits: EnvironmentOptions): Promise<Environment<RedisPubsubCapabilities>>
  /** Ends the server. */
  close(): Promise<void>
}

export async function startPubSubEnvironments(): Promise<PubSubEnvironments> {
  const server = await startRedis()
  let count = 0
  return {
    async create(limits) {
      count += 1
      return await openEnvironment(server, `case${count}:`, limits)
    },
    close: () => server.close(),
  }
}

async function openEnvironment(
  server: RedisServer,
  prefix: string,
  limits: EnvironmentOptions,
): Promise<Environment<RedisPubsubCapabilities>> {
  const target = { port: server.port }
  const proxies = await Promise.all(Array.from({ length: maxProxies }, () => createFaultProxy({ target })))
  const spare = [...proxies]
  const links = new Map<Transport, FaultProxy>()
  const workers: FaultProxy[] = []
  let isAlive = true
  let closing: Promise<void> | undefined
  const optionsFor = (port: number, overrides: TransportOverrides = {}) =>
    ({ ...quick, ...limits, ...overrides, prefix, url: `redis://127.0.0.1:${port}`, mode: 'pubsub' }) as const
  return {
    transport(overrides) {
      const proxy = spare.pop()
      const transport = redis(optionsFor(proxy?.port ?? server.port, overrides))
      if (proxy !== undefined) links.set(transport, proxy)
      return transport
    },
    link(transport) {
      const proxy = links.get(transport)
      if (proxy === undefined) throw new Error('this transport has no proxy before it')
      return linkOf(proxy)
    },
    engine: {
      async kill() {
        isAlive = false
        await server.kill()
      },
      async restart() {
        await server.restart()
        isAlive = true
      },
      async freeze() {
        server.freeze()
      },
      async thaw() {
        server.thaw()
      },
    },
    async spawnWorker(spec, record) {
      const proxy = await createFaultProxy({ target })
      workers.push(proxy)
      return await spawnWorkerProcess({
        spec,
        record,
        transportModule: new URL('redis-worker.ts', import.meta.url),
        transportOptions: optionsFor(proxy.port),
        link: linkOf(proxy),
      })
    },
    close() {
      closing ??= (async () => {
        await Promise.all([...proxies, ...workers].map((proxy) => proxy.close()))
        if (isAlive) server.thaw()
        else await server.restart()
      })()
      return closing
    },
  }
}

function linkOf(proxy: FaultProxy): Link {
  return {
    async cut() {
      proxy.cut()
    },
    async stall() {
      proxy.stall()
    },
    async heal() {
      proxy.heal()
    },
    async delay(delayMs) {
      proxy.set(delayMs === 0 ? {} : { toTarget: { delayMs }, toClient: { delayMs } })
    },
  }
}
