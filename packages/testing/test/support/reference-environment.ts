import type { Capabilities, Transport } from '@aether/core'

import { startWorkerInProcess } from '../../src/worker/start-worker-in-process.ts'
import type { ConformanceOptions, Environment, EnvironmentOptions, Fault } from '../../src/index.ts'
import type { Defect } from './defect.ts'
import { ReferenceHub } from './reference-hub.ts'
import { ReferenceTransport } from './reference-transport.ts'
import type { Wire } from './reference-transport.ts'

export const everythingDeclared: Capabilities = {
  delivery: 'at-least-once',
  redelivery: 'native',
  durable: false,
  groups: true,
  delay: true,
  priority: true,
  deadLetter: true,
  results: true,
  ordering: true,
  maxPayloadBytes: 1_000_000,
}

export const nothingDeclared: Capabilities = {
  ...everythingDeclared,
  groups: false,
  delay: false,
  priority: false,
  deadLetter: false,
  results: false,
  ordering: false,
}

const faults: readonly Fault[] = [
  'link',
  'link-stall',
  'engine-restart',
  'engine-freeze',
  'worker-kill',
  'worker-freeze',
  'worker-cut',
]

/** The options of a conformance run over the reference transport, with at most one defect. */
export function referenceOptions(
  capabilities: Capabilities,
  defect?: Defect,
): ConformanceOptions<Capabilities> {
  return {
    name: 'reference',
    capabilities,
    faults,
    create: (options) => Promise.resolve(createEnvironment(capabilities, options, defect)),
  }
}

function createEnvironment(
  capabilities: Capabilities,
  options: EnvironmentOptions,
  defect: Defect | undefined,
): Environment {
  const hub = new ReferenceHub(
    { maxQueued: 10_000, resultTtlMs: 60_000, groupTtlMs: 60_000, ...options },
    defect,
  )
  const wires = new Map<Transport, Wire>()
  const wireOf = (transport: Transport): Wire => {
    const wire = wires.get(transport)
    if (wire === undefined) throw new Error('a transport of another environment')
    return wire
  }
  const all = (change: (wire: Wire) => void): Promise<void> => {
    for (const wire of wires.values()) change(wire)
    return Promise.resolve()
  }
  const environment: Environment & Required<Pick<Environment, 'link'>> = {
    transport(overrides = {}) {
      const wire: Wire = { hub, isUp: true, isStalled: false, delayMs: 0 }
      const transport = new ReferenceTransport(capabilities, wire, overrides)
      wires.set(transport, wire)
      return transport
    },
    link(transport) {
      const wire = wireOf(transport)
      const change = (parts: Partial<Wire>): Promise<void> => Promise.resolve(void Object.assign(wire, parts))
      return {
        async cut() {
          await change({ isUp: false })
          if (transport instanceof ReferenceTransport) transport.disconnected()
        },
        stall: () => change({ isStalled: true }),
        heal: () => change({ isUp: true, isStalled: false }),
        delay: (delayMs) => change({ delayMs }),
      }
    },
    engine: {
      async kill() {
        await all((wire) => (wire.isUp = false))
        for (const transport of wires.keys())
          if (transport instanceof ReferenceTransport) transport.disconnected()
        hub.crash()
      },
      restart: () => all((wire) => (wire.isUp = true)),
      freeze: () => all((wire) => (wire.isStalled = true)),
      thaw: () => all((wire) => (wire.isStalled = false)),
    },
    deadLetters: () => Promise.resolve(hub.letters),
    spawnWorker(spec, record) {
      const transport = environment.transport()
      return startWorkerInProcess({ spec, record, transport, link: environment.link(transport) })
    },
    async close() {
      for (const transport of wires.keys()) await transport.close()
      hub.crash()
    },
  }
  return environment
}
