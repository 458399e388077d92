import { isRecord, optionalFields, readFields } from './envelope-fields.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { EnvelopeFields, Parcel } from './envelope.ts'

const prefix = 'ae-'
const fieldTypes: Readonly<Record<string, string>> = { progress: 'count', ...optionalFields }

type FieldValue = object | boolean | number | string | undefined

export interface HeaderMessage {
  /** Fields as `ae-…`; the task's own headers (`traceparent` among them) under their own names. */
  readonly headers: Readonly<Record<string, string>>
  /** The very bytes of the body, whatever its codec. */
  readonly body: Uint8Array
}

/**
 * The envelope for engines with native headers: fields travel as strings, the body untouched. Throws `ERR_AETHER_ENVELOPE_INVALID` for a header
 * of the task that starts with `ae-`.
 */
export function encodeHeaders({ fields, body }: Parcel): HeaderMessage {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(fields) as [keyof EnvelopeFields, FieldValue][]) {
    if (value === undefined || value === '' || name === 'headers') continue
    headers[prefix + name] = typeof value === 'object' ? JSON.stringify(value) : String(value)
  }
  for (const [name, value] of Object.entries(fields.headers ?? {})) {
    if (name.startsWith(prefix))
      throw invalidEnvelope(`a header may not start with ${prefix}: ${JSON.stringify(name)}`)
    headers[name] = value
  }
  return { headers, body }
}

/** Undoes `encodeHeaders`; headers that the engine itself adds are to be left out by its transport. */
export function decodeHeaders({ headers, body }: HeaderMessage): Parcel {
  const source: Record<string, unknown> = {}
  const others: Record<string, string> = {}
  let hasOthers = false
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(prefix)) {
      const field = name.slice(prefix.length)
      source[field] = parseField(field, value)
    } else {
      others[name] = value
      hasOthers = true
    }
  }
  if (typeof source['action'] !== 'string') throw invalidEnvelope(`no ${prefix}action header`)
  if (hasOthers) source['headers'] = others
  return { fields: readFields(source), body }
}

function parseField(field: string, value: string): unknown {
  switch (fieldTypes[field]) {
    case 'count':
      return value.trim() === '' ? Number.NaN : Number(value)
    case 'boolean':
      return value === 'true' ? true : value === 'false' ? false : value
    case 'error':
      return parseObject(field, value)
    default:
      return value
  }
}

function parseObject(field: string, value: string): unknown {
  try {
    const parsed: unknown = JSON.parse(value)
    if (isRecord(parsed)) return parsed
  } catch (error) {
    throw invalidEnvelope(`${prefix}${field} is not JSON`, error)
  }
  throw invalidEnvelope(`${prefix}${field} is not an object`)
}
