import { AetherError } from '../errors.ts'

/** An option with a wrong value: names the function, the option and what it should be. The value's type is told, never the value: it may be secret. */
export function optionsInvalid(where: string, option: string, expected: string, value: unknown): AetherError {
  const got = value === null ? 'null' : typeof value === 'number' ? String(value) : typeof value
  return new AetherError(
    'ERR_AETHER_OPTIONS_INVALID',
    `${where}: ${option} must be ${expected}, got ${got}`,
    {
      detail: { where, option, expected },
    },
  )
}

/** Throws where `options` has a key that `known` lacks, so that a misspelt option is not silently ignored. */
export function checkKeys(where: string, options: object, known: ReadonlySet<string>): void {
  if (typeof options !== 'object' || options === null)
    throw optionsInvalid(where, 'options', 'an object', options)
  for (const key of Object.keys(options)) {
    if (!known.has(key)) {
      throw new AetherError(
        'ERR_AETHER_OPTIONS_INVALID',
        `${where}: unknown option ${JSON.stringify(key)}; known are ${[...known].join(', ')}`,
        { detail: { where, option: key } },
      )
    }
  }
}

export function checkInteger(
  where: string,
  option: string,
  value: unknown,
  min: number,
  max: number,
): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw optionsInvalid(where, option, `an integer from ${min} to ${max}`, value)
  }
  return value as number
}

/** Milliseconds: a number from `min` to 10^12. */
export function checkMs(where: string, option: string, value: unknown, min: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= maxMs)) {
    throw optionsInvalid(where, option, `milliseconds from ${min} to ${maxMs}`, value)
  }
  return value
}

export function checkFunction(where: string, option: string, value: unknown): void {
  if (typeof value !== 'function') throw optionsInvalid(where, option, 'a function', value)
}

export function checkBoolean(where: string, option: string, value: unknown): void {
  if (typeof value !== 'boolean') throw optionsInvalid(where, option, 'true or false', value)
}

export function checkSignal(where: string, value: unknown): void {
  if (!(value instanceof AbortSignal)) throw optionsInvalid(where, 'signal', 'an AbortSignal', value)
}

const waitKeys: ReadonlySet<string> = new Set(['signal'])

/** The options of what merely waits: an object of which `signal` is looked at. */
export function checkWait(
  where: string,
  options: { readonly signal?: AbortSignal },
  known: ReadonlySet<string> = waitKeys,
): void {
  checkKeys(where, options, known)
  if (options.signal !== undefined) checkSignal(where, options.signal)
}

/** About 31 years: far from where milliseconds added to an epoch lose precision. */
const maxMs = 1_000_000_000_000
