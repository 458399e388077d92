import { testTransport } from '@aether/testing'

import { myCapabilities, startMyEngine } from './my-engine.ts'

testTransport({
  name: 'mine',
  capabilities: myCapabilities,
  create: async (limits) => {
    const engine = await startMyEngine(limits)
    return { transport: (overrides) => engine.transport(overrides), close: () => engine.close() }
  },
})
