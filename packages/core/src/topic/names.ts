import { AetherError } from '../errors.ts'

/** Longest name, in UTF-16 units: four names, a tid and an action still fit every engine's topic or routing key. */
export const maxNameLength = 128

export type NameKind = 'client' | 'context' | 'job' | 'task' | 'tid' | 'union' | 'workgroup'

// Nearly every name is of this form; the slow pattern is for the others.
const plain = /^[A-Za-z0-9_.-]{1,128}$/
// Separators and wildcards of topics, spaces, control and invisible characters, and halves of surrogate pairs, which no engine carries.
const forbidden = /[/+#*:\s\p{Cc}\p{Cf}\p{Cs}]/u

/** Whether a value may stand for one level of a topic. `$` at its start is left to engines, which give it a meaning of their own. */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string') return false
  if (plain.test(value)) return true
  return value.length > 0 && value.length <= maxNameLength && value[0] !== '$' && !forbidden.test(value)
}

/** Returns the name, or throws `ERR_AETHER_NAME_INVALID` naming what is wrong with it. */
export function checkName(kind: NameKind, value: unknown): string {
  if (isName(value)) return value
  throw new AetherError('ERR_AETHER_NAME_INVALID', `${kind} ${shown(value)} ${problem(value)}`, {
    detail: { kind },
  })
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return `of type ${value === null ? 'null' : typeof value}`
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
}

function problem(value: unknown): string {
  if (typeof value !== 'string') return 'must be a string'
  if (value.length === 0) return 'must not be empty'
  if (value.length > maxNameLength) return `is longer than ${maxNameLength} characters`
  if (value[0] === '$') return 'must not start with $'
  return 'must not hold / + # * : spaces or control characters'
}
