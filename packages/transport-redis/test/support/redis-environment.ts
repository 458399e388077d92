import type { Capabilities, Transport } from '@aether/core'
import { type RedisServer, startRedis, type RedisServerOptions } from '@aether/services'
import {
  createFaultProxy,
  type Environment,
  type EnvironmentOptions,
  type FaultProxy,
  type Link,
  spawnWorkerProcess,
  type TransportOverrides,
} from '@aether/testing'
import type { RedisOptions } from '../../src/options.ts'

/** Proxies of one environment: as many as a case has transports with links. */
const maxProxies = 12

/** Soon lost, soon back: so that a case does not wait for heartbeats. */
const quick = {
  backoff: { initialMs: 20, maxMs: 200 },
  attemptTimeoutMs: 2_000,
  keepAliveMs: 1_000,
} satisfies RedisOptions

export interface RedisEnvironments<C extends Capabilities> {
  /** What `testTransport` takes. */
  create(limits: EnvironmentOptions): Promise<Environment<C>>
  /** Ends the server. */
  close(): Promise<void>
}

export interface RedisEnvironmentOptions<C extends Capabilities> {
  readonly server?: RedisServerOptions
  /** Makes a transport of the mode under test. */
  transport(options: RedisOptions): Transport<C>
  /** What a worker's own process makes it of. */
  readonly workerOptions: Pick<RedisOptions, 'mode'>
  deadLetters?(server: RedisServer, prefix: string): Promise<readonly string[]>
}

/** One real Redis for a file of tests, and an environment on it for each case, under a prefix of its own. */
export async function startRedisEnvironments<C extends Capabilities>(
  options: RedisEnvironmentOptions<C>,
): Promise<RedisEnvironments<C>> {
  const server = await startRedis(options.server)
  let count = 0
  return {
    async create(limits) {
      count += 1
      return await openEnvironment(server, `case${count}:`, limits, options)
    },
    close: () => server.close(),
  }
}

async function openEnvironment<C extends Capabilities>(
  server: RedisServer,
  prefix: string,
  limits: EnvironmentOptions,
  { transport: make, workerOptions, deadLetters }: RedisEnvironmentOptions<C>,
): Promise<Environment<C>> {
  const target = { port: server.port }
  const proxies = await Promise.all(Array.from({ length: maxProxies }, () => createFaultProxy({ target })))
  const spare = [...proxies]
  const links = new Map<Transport, FaultProxy>()
  const workers: FaultProxy[] = []
  let isAlive = true
  let closing: Promise<void> | undefined
  const optionsFor = (port: number, overrides: TransportOverrides = {}): RedisOptions => ({
    ...workerOptions,
    ...quick,
    ...limits,
    ...overrides,
    prefix,
    url: `redis://127.0.0.1:${port}`,
  })
  const letters = deadLetters && { deadLetters: () => deadLetters(server, prefix) }
  return {
    transport(overrides) {
      const proxy = spare.pop()
      const transport = make(optionsFor(proxy?.port ?? server.port, overrides))
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
    ...letters,
    async spawnWorker(spec, record) {
      const proxy = await createFaultProxy({ target })
      workers.push(proxy)
      return await spawnWorkerProcess({
        spec,
        record,
        transportModule: new URL('worker-transport.ts', import.meta.url),
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
