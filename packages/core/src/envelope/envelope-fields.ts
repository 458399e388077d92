import type { ErrorShape } from '../errors.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { EnvelopeFields } from './envelope.ts'

type FieldType = 'boolean' | 'count' | 'error' | 'headers' | 'text'

/** Every optional field with its type, in the order in which it is written: the order is part of the golden vectors. */
export const optionalFields: Readonly<Record<Exclude<keyof EnvelopeFields, RequiredField>, FieldType>> = {
  signal: 'text',
  route: 'text',
  tid: 'text',
  workgroup: 'text',
  codec: 'text',
  attempt: 'count',
  attempts: 'count',
  sends: 'count',
  seq: 'count',
  deadline: 'count',
  ttlMs: 'count',
  delayMs: 'count',
  leaseMs: 'count',
  priority: 'count',
  waitForWorkers: 'boolean',
  failed: 'boolean',
  deadLetter: 'boolean',
  replyTo: 'text',
  only: 'text',
  outcome: 'text',
  reason: 'text',
  error: 'error',
  headers: 'headers',
}

type RequiredField = 'action' | 'client' | 'host' | 'progress' | 'status'

const optionalTypes: ReadonlyMap<string, FieldType> = new Map(Object.entries(optionalFields))

/**
 * Checks what a peer sent. Missing fields are what an older or a Python peer leaves out; empty texts count as missing (AetherMagic sends `workgroup: ""`);
 * unknown ones are ignored. A known field of a wrong type throws `ERR_AETHER_ENVELOPE_INVALID`.
 */
export function readFields(source: Readonly<Record<string, unknown>>): EnvelopeFields {
  const fields: Record<string, unknown> = {
    action: readText(source, 'action'),
    status: readText(source, 'status'),
    progress: readProgress(source['progress']),
    host: readText(source, 'host'),
    client: readText(source, 'client'),
  }
  for (const name of Object.keys(source)) {
    const value = source[name]
    if (value === undefined || value === null || value === '') continue
    const type = optionalTypes.get(name)
    if (type !== undefined) fields[name] = readOptional(name, type, value)
  }
  return fields as unknown as EnvelopeFields
}

function readText(source: Readonly<Record<string, unknown>>, name: string): string {
  const value = source[name]
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw invalidEnvelope(`${name} must be a string`)
  return value
}

function readProgress(value: unknown): number {
  if (value === undefined || value === null) return 0
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalidEnvelope('progress must be a number')
  return Math.min(100, Math.max(0, value))
}

function readOptional(name: string, type: FieldType, value: unknown): unknown {
  switch (type) {
    case 'text':
      if (typeof value === 'string') return value
      break
    case 'boolean':
      if (typeof value === 'boolean') return value
      break
    case 'count':
      if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return Math.floor(value)
      break
    case 'error':
      return readError(value)
    case 'headers':
      return readHeaders(value)
  }
  throw invalidEnvelope(`${name} must be a ${type}`)
}

function readError(value: unknown): ErrorShape {
  if (!isRecord(value) || typeof value['code'] !== 'string') throw invalidEnvelope('error must have a code')
  const { code, message, retryable, detail } = value
  return {
    code,
    message: typeof message === 'string' ? message : '',
    retryable: retryable === true,
    ...(isRecord(detail) && { detail }),
  }
}

function readHeaders(value: unknown): Readonly<Record<string, string>> {
  if (!isRecord(value) || !Object.values(value).every((entry) => typeof entry === 'string')) {
    throw invalidEnvelope('headers must be an object of strings')
  }
  return value as Record<string, string>
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
