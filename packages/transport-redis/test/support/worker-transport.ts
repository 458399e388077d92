import type { Transport } from '@aether/core'
import type { RedisOptions } from '../../src/options.ts'
import { redis } from '../../src/redis.ts'

export type QueueMode = 'streams' | 'lists'

/** How a test, and a worker's process, makes its transport. */
export function createTransport(options: unknown): Transport {
  return redis(options as RedisOptions)
}
