import { type RedisServer, startRedis } from '@aether/services'
import {
  type Environment,
  type EnvironmentOptions,
  proxiedEnvironment,
  type TransportOverrides,
} from '@aether/testing'
import { redis, type RedisOptions, type RedisPubsubCapabilities } from '../../src/index.ts'

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
  let isAlive = true
  const optionsFor = (port: number, overrides: TransportOverrides = {}) =>
    ({ ...quick, ...limits, ...overrides, prefix, url: `redis://127.0.0.1:${port}`, mode: 'pubsub' }) as const
  return proxiedEnvironment<RedisPubsubCapabilities>({
    port: server.port,
    engine: {
      async kill() {
        isAlive = false
        await server.kill()
      },
      async restart() {
        await server.restart()
        isAlive = true
      },
      freeze: () => server.freeze(),
      thaw: () => server.thaw(),
    },
    transport: (port, overrides) => redis(optionsFor(port, overrides)),
    worker: {
      transportModule: new URL('redis-worker.ts', import.meta.url),
      transportOptions: (port) => optionsFor(port),
    },
    // The server is for the other cases too.
    close: async () => (isAlive ? server.thaw() : server.restart()),
  })
}
