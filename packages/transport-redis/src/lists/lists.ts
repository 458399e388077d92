import { redisListsCapabilities, type RedisListsCapabilities } from '../capabilities.ts'
import type { RedisLink } from '../link/redis-link.ts'
import { queueScripts } from '../queue/queue-scripts.ts'
import type { QueueSettings } from '../queue/queue-settings.ts'
import { createQueueTransport, type QueueTransport } from '../queue/queue-transport.ts'
import { listsQueue } from './lists-queue.ts'

const scripts = queueScripts('lists', listsQueue)

/** Mode `lists`: a list for each workgroup, a processing list for each consumer. */
export function createLists(
  link: RedisLink,
  settings: QueueSettings,
): QueueTransport<RedisListsCapabilities> {
  const { maxPayloadBytes } = settings
  const capabilities = { ...redisListsCapabilities, maxPayloadBytes }
  return createQueueTransport({ name: 'redis-lists', link, scripts, settings, capabilities })
}
