import { startMosquitto } from '@aether/services'
import { type Environment, type EnvironmentOptions, proxiedEnvironment } from '@aether/testing'
import { mqtt, type MqttCapabilities, type MqttOptions, type MqttTransport } from '../../src/index.ts'

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
  const made: MqttTransport[] = []
  // The caller is the queue: what an engine is asked to hold is what each transport holds.
  const held = {
    ...(maxQueued !== undefined && { maxOpen: maxQueued }),
    ...(resultTtlMs !== undefined && { resultTtlMs }),
  }
  return proxiedEnvironment<MqttCapabilities>({
    port: server.port,
    engine: server,
    transport(port, overrides) {
      const options = { ...quick, ...own, lease: { ...lease, ...held }, ...overrides }
      const transport = mqtt({ url: `mqtt://127.0.0.1:${port}`, ...options })
      made.push(transport)
      return transport
    },
    worker: {
      transportModule: new URL('worker-transport.ts', import.meta.url),
      transportOptions: (port) => ({ url: `mqtt://127.0.0.1:${port}`, ...quick, ...own, lease }),
    },
    deadLetters: async () => made.flatMap((one) => one.deadLetters.map(({ task }) => task.tid)),
    async close() {
      server.thaw()
      await server.close()
    },
  })
}
