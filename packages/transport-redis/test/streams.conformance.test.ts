import { testTransport } from '@aether/testing'
import { redisStreamsCapabilities, type RedisStreamsCapabilities } from '../src/capabilities.ts'
import { queueEnvironment } from './support/queue-environment.ts'

testTransport({
  name: 'redis-streams',
  capabilities: redisStreamsCapabilities,
  create: (limits) => queueEnvironment<RedisStreamsCapabilities>('streams', limits),
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
