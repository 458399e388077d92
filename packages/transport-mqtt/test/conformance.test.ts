import { testTransport } from '@aether/testing'
import { mqttCapabilities } from '../src/index.ts'
import { mosquittoEnvironment } from './support/mosquitto-environment.ts'

testTransport({
  name: 'mqtt',
  capabilities: mqttCapabilities,
  create: (limits) => mosquittoEnvironment(limits),
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
