import type { Capabilities, Transport } from '@aether/core'
import { type RedisServer, startRedis } from '@aether/services'
import {
  createFaultProxy,
  type Environment,
  type EnvironmentOptions,
  type FaultProxy,
  type Link,
  spawnWorkerProcess,
} from '@aether/testing'
import type { RedisOptions } from '../../src/options.ts'
import { createTransport, type QueueMode } from './worker-transport.ts'

/** Proxies of one environment: as many as a case has transports with links. */
const PROXIES = 12

const quick = { backoff: { initialMs: 20, maxMs: 200 }, attemptTimeoutMs: 2_000, keepAliveMs: 1_000 }

/** A Redis of its own for each case of the conformance suite, with a proxy before each transport. */
export async function queueEnvironment<C extends Capabilities>(
  mode: QueueMode,
  limits: EnvironmentOptions,
): Promise<Environment<C>> {
  const server = await startRedis({ persistence: 'aof' })
  const target = { port: server.port }
  const proxies = await Promise.all(Array.from({ length: PROXIES }, () => createFaultProxy({ target })))
  const spare = [...proxies]
  const links = new Map<Transport, FaultProxy>()
  const workers: FaultProxy[] = []
  const options = (port: number): RedisOptions => ({
    mode,
    url: `redis://127.0.0.1:${port}`,
    ...quick,
    ...limits,
  })
  let closing: Promise<void> | undefined
  return {
    transport(overrides = {}) {
      const proxy = spare.pop()
      const transport = createTransport({
        ...options(proxy?.port ?? server.port),
        ...overrides,
      }) as Transport<C>
      if (proxy !== undefined) links.set(transport, proxy)
      return transport
    },
    link(transport) {
      const proxy = links.get(transport)
      if (proxy === undefined) throw new Error('this transport has no proxy before it')
      return linkOf(proxy)
    },
    engine: {
      kill: () => server.kill(),
      restart: () => server.restart(),
      async freeze() {
        server.freeze()
      },
      async thaw() {
        server.thaw()
      },
    },
    deadLetters: () => deadLetters(server),
    async spawnWorker(spec, record) {
      const proxy = await createFaultProxy({ target })
      workers.push(proxy)
      return spawnWorkerProcess({
        spec,
        record,
        transportModule: new URL('worker-transport.ts', import.meta.url),
        transportOptions: options(proxy.port),
        link: linkOf(proxy),
      })
    },
    close() {
      closing ??= (async () => {
        await Promise.all([...proxies, ...workers].map((proxy) => proxy.close()))
        await server.close()
      })()
      return closing
    },
  }
}

async function deadLetters(server: RedisServer): Promise<readonly string[]> {
  const keys = (await server.cli('--raw', 'KEYS', 'aether:*/dead')).split('\n').filter((key) => key !== '')
  const lines = await Promise.all(keys.map((key) => server.cli('XRANGE', key, '-', '+')))
  // Lines of names and values in turn; binary values are quoted and never look like a tid.
  return lines.flatMap((text) => {
    const words = text.split('\n')
    return words.flatMap((word, index) => (words[index - 1] === 'tid' ? [word] : []))
  })
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
