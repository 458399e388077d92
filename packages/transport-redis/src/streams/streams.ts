import { redisStreamsCapabilities, type RedisStreamsCapabilities } from '../capabilities.ts'
import type { RedisLink } from '../link/redis-link.ts'
import { queueScripts } from '../queue/queue-scripts.ts'
import type { QueueSettings } from '../queue/queue-settings.ts'
import { createQueueTransport, type QueueTransport } from '../queue/queue-transport.ts'
import { streamsQueue } from './streams-queue.ts'

const scripts = queueScripts('streams', streamsQueue)

/** Mode `streams`: a Redis stream for each context, a consumer group for each workgroup. */
export function createStreams(
  link: RedisLink,
  settings: QueueSettings,
): QueueTransport<RedisStreamsCapabilities> {
  const { maxPayloadBytes } = settings
  const capabilities = { ...redisStreamsCapabilities, maxPayloadBytes }
  return createQueueTransport({ name: 'redis-streams', link, scripts, settings, capabilities })
}
