import type { Logger } from '@aether/core'
import type { RedisLink } from '../link/redis-link.ts'

/** Warns where a crash of the server loses what it accepted: the transport is as durable as the server. Rejects for nothing. */
export async function checkPersistence(link: RedisLink, logger: Logger): Promise<void> {
  try {
    const said = String(await link.command('INFO', ['persistence']))
    if (!/^aof_enabled:0/m.test(said)) return
    logger.warn(
      'this Redis writes no append-only file (appendonly no): when it crashes, tasks that it accepted are lost with it',
    )
  } catch (error) {
    // Not everybody may ask; and there may be no connection any more.
    logger.debug('the persistence of Redis is unknown', { error })
  }
}
