import { type Environment, type EnvironmentOptions, proxiedEnvironment, testTransport } from '@aether/testing'
import { afterAll } from 'vitest'
import { tcp, type TcpCapabilities, tcpCapabilities } from '../src/index.ts'
import { BrokerHost } from './support/broker-host.ts'

const host = new BrokerHost()
afterAll(() => host.kill())

const quick = { backoff: { initialMs: 20, maxMs: 200 }, attemptTimeoutMs: 2_000 }
const optionsFor = (port: number) => ({ url: `aether://127.0.0.1:${port}`, ...quick })

async function create(limits: EnvironmentOptions): Promise<Environment<TcpCapabilities>> {
  await host.start({ limits, heartbeatMs: 1_000 })
  return proxiedEnvironment<TcpCapabilities>({
    port: host.port,
    engine: host,
    transport: (port, overrides) => tcp({ ...optionsFor(port), ...overrides }),
    worker: {
      transportModule: new URL('support/worker-transport.ts', import.meta.url),
      transportOptions: optionsFor,
    },
    deadLetters: () => host.deadLetters(),
    close: () => host.stop(),
  })
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
