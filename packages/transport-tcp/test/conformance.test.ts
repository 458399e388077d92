import type { Transport } from '@aether/core'
import {
  createFaultProxy,
  type Environment,
  type EnvironmentOptions,
  type FaultProxy,
  type Link,
  spawnWorkerProcess,
  testTransport,
} from '@aether/testing'
import { afterAll } from 'vitest'
import { tcp, type TcpCapabilities, tcpCapabilities } from '../src/index.ts'
import { BrokerHost } from './support/broker-host.ts'

/** Proxies of one environment: as many as a case has transports with links. */
const PROXIES = 12

const host = new BrokerHost()
afterAll(() => host.kill())

const quick = { backoff: { initialMs: 20, maxMs: 200 }, attemptTimeoutMs: 2_000 }

async function create(limits: EnvironmentOptions): Promise<Environment<TcpCapabilities>> {
  await host.start({ limits, heartbeatMs: 1_000 })
  const target = { port: host.port }
  const proxies = await Promise.all(Array.from({ length: PROXIES }, () => createFaultProxy({ target })))
  const spare = [...proxies]
  const links = new Map<Transport, FaultProxy>()
  const workers: FaultProxy[] = []
  let closing: Promise<void> | undefined
  return {
    transport(overrides = {}) {
      const proxy = spare.pop()
      const port = proxy?.port ?? host.port
      const transport = tcp({ url: `aether://127.0.0.1:${port}`, ...quick, ...overrides })
      if (proxy !== undefined) links.set(transport, proxy)
      return transport
    },
    link(transport) {
      const proxy = links.get(transport)
      if (proxy === undefined) throw new Error('this transport has no proxy before it')
      return linkOf(proxy)
    },
    engine: {
      kill: () => host.kill(),
      restart: () => host.restart(),
      async freeze() {
        host.freeze()
      },
      async thaw() {
        host.thaw()
      },
    },
    deadLetters: () => host.deadLetters(),
    async spawnWorker(spec, record) {
      const proxy = await createFaultProxy({ target })
      workers.push(proxy)
      return spawnWorkerProcess({
        spec,
        record,
        transportModule: new URL('support/worker-transport.ts', import.meta.url),
        transportOptions: { url: `aether://127.0.0.1:${proxy.port}`, ...quick },
        link: linkOf(proxy),
      })
    },
    close() {
      closing ??= (async () => {
        await Promise.all([...proxies, ...workers].map((proxy) => proxy.close()))
        await host.stop()
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

testTransport({
  name: 'tcp',
  capabilities: tcpCapabilities,
  create,
  faults: [
    'link',
    'link-stall',
    'engine-freeze',
    'engine-restart',
    'worker-kill',
    'worker-freeze',
    'worker-cut',
  ],
})
