import { systemClock } from '@aether/core'
import { redisPubsubCapabilities } from '../capabilities.ts'
import type { RedisLink } from '../link/redis-link.ts'
import type { ResolvedOptions } from '../options.ts'
import { PubSubTransport } from './pubsub-transport.ts'

/** The transport of mode `pubsub` over a link. A worker that was silent for twice `keepAliveMs` counts as lost. */
export function createPubSub(
  link: RedisLink,
  options: Pick<ResolvedOptions, 'keepAliveMs' | 'maxPayloadBytes' | 'maxPending' | 'maxQueued' | 'prefix'>,
): PubSubTransport {
  const { prefix, maxPayloadBytes, maxQueued, maxPending, keepAliveMs } = options
  return new PubSubTransport(
    link,
    {
      prefix,
      maxPayloadBytes,
      maxQueued,
      maxOpen: maxPending,
      heartbeatMs: Math.ceil(keepAliveMs / 2),
      queryMs: 500,
      maxHeld: 1_024,
      maxRecent: 1_024,
      clock: systemClock,
    },
    { ...redisPubsubCapabilities, maxPayloadBytes },
  )
}
