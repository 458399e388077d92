import type { Logger } from '../logger.ts'
import type { LbEvent } from './events.ts'

type Level = keyof Logger

/** How loud each kind of event is: `warn` what an operator should look at, `error` what asks for somebody now. */
function levelOf(event: LbEvent): Level {
  switch (event.type) {
    case 'health':
      return event.to === 'healthy' ? 'info' : 'warn'
    case 'breaker':
      return event.to === 'open' ? 'warn' : 'info'
    case 'panic':
      return event.isPanic ? 'error' : 'info'
    case 'ejected':
    case 'flood':
    case 'resolve-failed':
      return 'warn'
    case 'scale-failed':
      return 'error'
    case 'backend-updated':
      return 'debug'
    default:
      return 'info'
  }
}

/** Writes an event to the log: its type is the message, the rest of it the fields. */
export function logEvent(logger: Logger, event: LbEvent): void {
  const { type, ...fields } = event
  log(logger, levelOf(event), type, fields)
}

/** Events come out of the middle of requests and changes: a logger that throws must not leave those half done. */
export function log(
  logger: Logger,
  level: Level,
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  try {
    logger[level](message, fields)
  } catch {
    // There is nowhere left to say so.
  }
}
