import type { Transport } from '@aether/core'
import { createLink } from '../../src/link/create-link.ts'
import { type RedisOptions, resolveOptions } from '../../src/options.ts'
import { createStreams } from '../../src/streams/streams.ts'

export type QueueMode = 'streams' | 'lists'

/** How a test, and a worker's process, makes its transport. */
export function createTransport(options: unknown): Transport {
  const resolved = resolveOptions(options as RedisOptions)
  return createStreams(createLink(resolved), resolved)
}
