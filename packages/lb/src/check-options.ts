import { invalidOption } from './errors.ts'
import { suggest, unknownKey } from './unknown-name.ts'

/** A value as it may come from a file: nothing is known of it yet. */
export type Fields = Readonly<Record<string, unknown>>

export function checkObject<T>(value: T, path: string): T & object {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidOption(`${path} must be an object, not ${show(value)}`)
  return value
}

export function checkFields(value: unknown, path: string, known: readonly string[]): Fields {
  const fields = checkObject(value, path)
  for (const key of Object.keys(fields)) {
    if (!known.includes(key)) throw invalidOption(`${path} ${unknownKey(key, known)}`)
  }
  return fields as Fields
}

export interface Range {
  readonly min?: number
  readonly max?: number
  /** The least value is itself excluded. */
  readonly above?: boolean
  readonly integer?: boolean
}

export function checkNumber(value: unknown, path: string, range: Range = {}): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, above = false, integer = false } = range
  const fits =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (above ? value > min : value >= min) &&
    value <= max &&
    (!integer || Number.isInteger(value))
  if (fits) return value
  const kind = integer ? 'an integer' : 'a finite number'
  const bound = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`
  throw invalidOption(
    `${path} must be ${kind} ${above ? 'above' : 'from'} ${min}${bound}, not ${show(value)}`,
  )
}

/** A number of milliseconds above zero that a timer can wait for. */
export function checkMs(value: unknown, path: string): number {
  return checkNumber(value, path, { above: true, max: 2 ** 31 - 1 })
}

export function checkCount(value: unknown, path: string, min = 1): number {
  return checkNumber(value, path, { min, integer: true })
}

/** A part of the whole, 0 to 1. */
export function checkShare(value: unknown, path: string): number {
  return checkNumber(value, path, { max: 1 })
}

export function checkText(value: unknown, path: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value
  throw invalidOption(`${path} must be a text that is not empty, not ${show(value)}`)
}

export function checkBoolean(value: unknown, path: string): boolean {
  if (typeof value === 'boolean') return value
  throw invalidOption(`${path} must be true or false, not ${show(value)}`)
}

export function checkTexts(value: unknown, path: string): readonly string[] {
  if (!Array.isArray(value)) throw invalidOption(`${path} must be an array of texts, not ${show(value)}`)
  return value.map((each, index) => checkText(each, `${path}[${index}]`))
}

export function checkOneOf<T extends string>(value: unknown, path: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  const hint = typeof value === 'string' ? suggest(value, choices) : ''
  throw invalidOption(`${path} must be one of ${choices.join(', ')}, not ${show(value)}${hint}`)
}

export function checkFunction(value: unknown, path: string): void {
  if (typeof value !== 'function') throw invalidOption(`${path} must be a function, not ${show(value)}`)
}

export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60))
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  return Array.isArray(value) ? 'an array' : typeof value
}
