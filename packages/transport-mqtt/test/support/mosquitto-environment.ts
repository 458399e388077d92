import type { Transport } from '@aether/core'
import { startMosquitto } from '@aether/services'
import {
  createFaultProxy,
  type Environment,
  type EnvironmentOptions,
  type FaultProxy,
  type Link,
  spawnWorkerProcess,
} from '@aether/testing'
import { mqtt, type MqttCapabilities, type MqttOptions, type MqttTransport } from '../../src/index.ts'

/** Proxies of one environment: as many as a case has transports with links. */
const PROXIES = 12

/** Shorter waits than the defaults, so that each case sees what they are for. */
export const quick: Omit<MqttOptions, 'url'> = {
  keepAliveMs: 1_000,
  backoff: { initialMs: 20, maxMs: 200 },
  attemptTimeoutMs: 2_000,
}
const lease = { resendMs: 300, resendMaxMs: 2_000, retryMs: 100, queryMs: 400 }

/** A Mosquitto of its own for each case, and a fault proxy before each transport. */
export async function mosquittoEnvironment(
  { maxQueued, resultTtlMs }: EnvironmentOptions,
  own: Partial<MqttOptions> = {},
): Promise<Environment<MqttCapabilities>> {
  const server = await startMosquitto()
  const target = { port: server.port }
  const proxies = await Promise.all(Array.from({ length: PROXIES }, () => createFaultProxy({ target })))
  const spare = [...proxies]
  const links = new Map<Transport, FaultProxy>()
  const made: MqttTransport[] = []
  const workers: FaultProxy[] = []
  let closing: Promise<void> | undefined
  // The caller is the queue: what an engine is asked to hold is what each transport holds.
  const held = {
    ...(maxQueued !== undefined && { maxOpen: maxQueued }),
    ...(resultTtlMs !== undefined && { resultTtlMs }),
  }
  return {
    transport(overrides = {}) {
      const proxy = spare.pop()
      const port = proxy?.port ?? server.port
      const options = { ...quick, ...own, lease: { ...lease, ...held }, ...overrides }
      const transport = mqtt({ url: `mqtt://127.0.0.1:${port}`, ...options })
      made.push(transport)
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
      freeze: async () => server.freeze(),
      thaw: async () => server.thaw(),
    },
    deadLetters: async () => made.flatMap((one) => one.deadLetters.map(({ task }) => task.tid)),
    async spawnWorker(spec, record) {
      const proxy = await createFaultProxy({ target })
      workers.push(proxy)
      return spawnWorkerProcess({
        spec,
        record,
        transportModule: new URL('worker-transport.ts', import.meta.url),
        transportOptions: { url: `mqtt://127.0.0.1:${proxy.port}`, ...quick, ...own, lease },
        link: linkOf(proxy),
      })
    },
    close() {
      closing ??= (async () => {
        server.thaw()
        await Promise.all([...proxies, ...workers].map((proxy) => proxy.close()))
        await server.close()
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
