import type { Transport } from '@aether/core'
import type {
  RedisListsCapabilities,
  RedisPubsubCapabilities,
  RedisStreamsCapabilities,
} from './capabilities.ts'
import { createLink } from './link/create-link.ts'
import { type RedisOptions, resolveOptions } from './options.ts'
import { createLists } from './lists/lists.ts'
import { createPubSub } from './pubsub/pubsub.ts'
import type { QueueTransport } from './queue/queue-transport.ts'
import { createStreams } from './streams/streams.ts'

/**
 * Tasks over Redis. Modes `streams` (the default) and `lists` keep them in Redis and deliver at least once, as durable as the server's own persistence; mode `pubsub` delivers at
 * most once and keeps nothing. Connects at `start`. Throws `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * const aether = createAether({ union: 'shop', transport: redis({ url: 'redis://127.0.0.1:6379' }) })
 */
export function redis(
  options: RedisOptions<'pubsub'> & { readonly mode: 'pubsub' },
): Transport<RedisPubsubCapabilities>
export function redis(
  options: RedisOptions<'lists'> & { readonly mode: 'lists' },
): QueueTransport<RedisListsCapabilities>
export function redis(options?: RedisOptions<'streams'>): QueueTransport<RedisStreamsCapabilities>
export function redis(options: RedisOptions): Transport
export function redis(options: RedisOptions = {}): Transport {
  const resolved = resolveOptions(options)
  const link = createLink(resolved)
  switch (resolved.mode) {
    case 'streams':
      return createStreams(link, resolved)
    case 'lists':
      return createLists(link, resolved)
    case 'pubsub':
      return createPubSub(link, resolved)
  }
}
