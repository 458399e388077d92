import { testTransport } from '@aether/testing'
import { afterAll } from 'vitest'
import { redisPubsubCapabilities } from '../src/index.ts'
import { startPubSubEnvironments } from './support/pubsub-environment.ts'

const environments = await startPubSubEnvironments()
afterAll(() => environments.close())

testTransport({
  name: 'redis-pubsub',
  capabilities: redisPubsubCapabilities,
  create: (limits) => environments.create(limits),
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
