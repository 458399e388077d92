import { testTransport } from '@aether/testing'
import { mqttCapabilities } from '../src/index.ts'
import { mosquittoEnvironment } from './support/mosquitto-environment.ts'

testTransport({
  name: 'mqtt-3.1.1',
  capabilities: mqttCapabilities,
  create: (limits) => mosquittoEnvironment(limits, { protocolVersion: 4 }),
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
