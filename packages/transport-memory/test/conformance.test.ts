import { startWorkerInProcess, testTransport } from '@aether/testing'
import type { Environment, EnvironmentOptions } from '@aether/testing'

import { createMemoryHub, memoryCapabilities } from '../src/index.ts'
import type { MemoryCapabilities } from '../src/index.ts'

async function create(options: EnvironmentOptions): Promise<Environment<MemoryCapabilities>> {
  const hub = createMemoryHub({ limits: options })
  return {
    transport: (overrides) => hub.transport(overrides),
    link: (transport) => ({
      cut: async () => hub.cut(transport),
      heal: async () => hub.heal(transport),
    }),
    deadLetters: async () => hub.deadLetters().map(({ task }) => task.tid),
    spawnWorker(spec, record) {
      const transport = hub.transport()
      return startWorkerInProcess({
        spec,
        record,
        transport,
        link: { cut: async () => hub.cut(transport), heal: async () => hub.heal(transport) },
      })
    },
    close: () => hub.close(),
  }
}

testTransport({
  name: 'memory',
  capabilities: memoryCapabilities,
  create,
  // There is no connection to stall and no engine beside this process to kill; workers can suffer everything.
  faults: ['link', 'worker-kill', 'worker-freeze', 'worker-cut'],
})
