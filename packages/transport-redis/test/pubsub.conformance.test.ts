import { testTransport } from '@aether/testing'
import { afterAll } from 'vitest'
import { redisPubsubCapabilities } from '../src/capabilities.ts'
import { createLink } from '../src/link/create-link.ts'
import { resolveOptions } from '../src/options.ts'
import { createPubSub } from '../src/pubsub/pubsub.ts'
import { startRedisEnvironments } from './support/redis-environment.ts'

const environments = await startRedisEnvironments({
  workerOptions: { mode: 'pubsub' },
  transport(options) {
    const resolved = resolveOptions(options)
    return createPubSub(createLink(resolved), resolved)
  },
})
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
