import type { Logger } from '@aether/core'
import { pino, stdSerializers, type DestinationStream, type Logger as PinoLogger } from 'pino'

import type { LogLevel } from '../config/settings.ts'

export interface ServiceLoggerOptions {
  readonly level: LogLevel
  readonly name: string
  /** @default standard output */
  readonly destination?: DestinationStream
}

const secretKeys = ['token', 'password', 'secret', 'authorization']

/** JSON lines; what stands under the name of a secret is never written. */
export function serviceLogger(options: ServiceLoggerOptions): PinoLogger {
  const { level, name, destination } = options
  return pino(
    {
      level,
      base: { worker: name },
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
      serializers: { err: stdSerializers.err, error: stdSerializers.err },
    },
    ...(destination === undefined ? [] : [destination]),
  )
}

/** A pino logger as the libraries take one: message first. */
export function coreLogger(logger: PinoLogger): Logger {
  return {
    debug: (message, fields) => logger.debug(fields, message),
    info: (message, fields) => logger.info(fields, message),
    warn: (message, fields) => logger.warn(fields, message),
    error: (message, fields) => logger.error(fields, message),
  }
}
