import type { Logger } from '../transport.ts'
import type { TaskContext } from './worker.ts'

/** The worker's logger, with the task named in each line. */
export function taskLogger(logger: Logger, ctx: Pick<TaskContext, 'tid' | 'attempt' | 'route'>): Logger {
  const { tid, attempt } = ctx
  const { job, task } = ctx.route
  const named = (fields: object | undefined): object => ({ tid, job, task, attempt, ...fields })
  return {
    debug: (message, fields) => logger.debug(message, named(fields)),
    info: (message, fields) => logger.info(message, named(fields)),
    warn: (message, fields) => logger.warn(message, named(fields)),
    error: (message, fields) => logger.error(message, named(fields)),
  }
}
