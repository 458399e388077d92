import {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkKeys,
  checkMs,
  checkSignal,
  optionsInvalid,
} from '../app/check-options.ts'
import { checkName } from '../topic/names.ts'
import type { PerformOptions } from './run.ts'

const where = 'perform'

const checks: Readonly<Record<keyof PerformOptions, (value: unknown) => unknown>> = {
  tid: (value) => checkName('tid', value),
  context: (value) => checkName('context', value),
  workgroup: (value) => checkName('workgroup', value),
  channel: (value) => {
    if (typeof value !== 'string') throw optionsInvalid(where, 'channel', 'a string', value)
  },
  signal: (value) => checkSignal(where, value),
  priority: (value) => checkInteger(where, 'priority', value, 0, 9),
  delayMs: (value) => checkMs(where, 'delayMs', value, 0),
  deadlineMs: (value) => checkMs(where, 'deadlineMs', value, 1),
  ttlMs: (value) => checkMs(where, 'ttlMs', value, 0),
  attempts: (value) => checkInteger(where, 'attempts', value, 1, 1_000),
  waitForWorkers: (value) => checkBoolean(where, 'waitForWorkers', value),
  headers: checkHeaders,
  progress: (value) => {
    if (value !== 'latest' && value !== 'all')
      throw optionsInvalid(where, 'progress', "'latest' or 'all'", value)
  },
  progressLimit: (value) => checkInteger(where, 'progressLimit', value, 1, 1_000_000),
  onStatus: (value) => checkFunction(where, 'onStatus', value),
  onSettled: (value) => checkFunction(where, 'onSettled', value),
}

const known: ReadonlySet<string> = new Set(Object.keys(checks))

/** Throws `ERR_AETHER_OPTIONS_INVALID` or `ERR_AETHER_NAME_INVALID`. Costs only what was given. */
export function checkPerformOptions(options: PerformOptions): void {
  checkKeys(where, options, known)
  for (const key in options) {
    const value = options[key as keyof PerformOptions]
    if (value !== undefined) checks[key as keyof PerformOptions](value)
  }
}

function checkHeaders(value: unknown): void {
  if (typeof value !== 'object' || value === null)
    throw optionsInvalid(where, 'headers', 'an object of strings', value)
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw optionsInvalid(where, `headers.${name}`, 'a string', text)
  }
}
