import type { Transport } from '@aether/core'
import { redis, type RedisOptions } from '../../src/index.ts'

/** How a worker's process makes its transport, whatever its mode. */
export function createTransport(options: unknown): Transport {
  return redis(options as RedisOptions)
}
