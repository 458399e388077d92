import type { Logger } from '@aether/core'

export interface LogLine {
  readonly level: keyof Logger
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface RecordingLogger extends Logger {
  readonly lines: readonly LogLine[]
  /** Lines of at least `warn`. */
  warnings(): readonly LogLine[]
}

/** Keeps what was logged. */
export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = []
  const at =
    (level: keyof Logger) =>
    (message: string, fields: object = {}): void => {
      lines.push({ level, message, fields: fields as Record<string, unknown> })
    }
  return {
    lines,
    warnings: () => lines.filter(({ level }) => level === 'warn' || level === 'error'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  }
}
