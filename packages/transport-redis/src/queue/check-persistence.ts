import type { Logger } from '@aether/core'
import type { RedisLink } from '../link/redis-link.ts'

/** Warns where the server may lose what it accepted, by a crash or by an eviction: the transport is as durable as the server. Rejects for nothing. */
export async function checkPersistence(link: RedisLink, logger: Logger): Promise<void> {
  try {
    // Older servers tell of one section at a time.
    const [persistence, memory] = await Promise.all(
      ['persistence', 'memory'].map((section) => link.command('INFO', [section])),
    )
    if (/^aof_enabled:0/m.test(String(persistence)))
      logger.warn(
        'this Redis writes no append-only file (appendonly no): when it crashes, tasks that it accepted are lost with it',
      )
    const policy = /^maxmemory_policy:(allkeys-\S+)/m.exec(String(memory))?.[1]
    if (policy !== undefined)
      logger.warn(
        `this Redis may drop any key when its memory is full (maxmemory-policy ${policy}), tasks that it accepted among them: noeviction keeps them`,
      )
  } catch (error) {
    // Not everybody may ask; and there may be no connection any more.
    logger.debug('the persistence of Redis is unknown', { error })
  }
}
