import { testTransport } from '@aether/testing'
import { redisListsCapabilities, type RedisListsCapabilities } from '../src/capabilities.ts'
import { queueEnvironment } from './support/queue-environment.ts'

testTransport({
  name: 'redis-lists',
  capabilities: redisListsCapabilities,
  create: (limits) => queueEnvironment<RedisListsCapabilities>('lists', limits),
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
