import { checkFunction } from './check-options.ts'

/** Where the balancer reports, silent by default. Loggers that take the fields first, as pino does, need an adapter. */
export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

const ignore = (): void => {}

const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }

/** The silent one where there is none; `ERR_AETHER_OPTIONS_INVALID` for one that cannot be told. */
export function checkLogger(logger: Logger | undefined): Logger {
  if (logger === undefined) return silentLogger
  for (const level of ['debug', 'info', 'warn', 'error'] as const)
    checkFunction((logger as Partial<Logger> | null)?.[level], `logger.${level}`)
  return logger
}
