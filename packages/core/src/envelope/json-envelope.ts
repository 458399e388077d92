import { decodeUtf8, emptyBytes, encodeUtf8 } from '../codec/utf8.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { isRecord, optionalFields, readFields } from './envelope-fields.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { EnvelopeFields, Parcel } from './envelope.ts'

const optionalNames = Object.keys(optionalFields) as (keyof typeof optionalFields)[]
const traceHeader = 'traceparent'

/**
 * One JSON object, as AetherMagic writes it: for engines without native headers. A JSON body stands in `data` as it is. An empty body is `data: {}` with
 * `encoding: "none"`, because Python handlers expect an object. Any other body is a base64 text with `encoding: "base64"`; transports whose engine
 * has headers use `encodeHeaders` and carry it untouched.
 */
export function encodeEnvelope({ fields, body }: Parcel): Uint8Array {
  const written = JSON.stringify(ordered(fields))
  return encodeUtf8(`${written.slice(0, -1)},${dataOf(fields.codec ?? 'json', body)}}`)
}

function ordered(fields: EnvelopeFields): Record<string, unknown> {
  const { action, status, progress, host, client } = fields
  const object: Record<string, unknown> = { action, status, progress, host, client }
  for (const name of optionalNames) {
    if (fields[name] !== undefined) object[name] = fields[name]
  }
  const traceparent = fields.headers?.[traceHeader]
  if (traceparent !== undefined) {
    const { [traceHeader]: _, ...others } = fields.headers as Record<string, string>
    object[traceHeader] = traceparent
    if (Object.keys(others).length > 0) object['headers'] = others
    else delete object['headers']
  }
  return object
}

function dataOf(codec: string, body: Uint8Array): string {
  if (body.length === 0) return '"encoding":"none","data":{}'
  const text = codec === 'json' ? jsonText(body) : undefined
  return text === undefined ? `"encoding":"base64","data":"${toBase64(body)}"` : `"data":${text}`
}

/** The body as text where it is JSON: a body that only claims to be could write fields of its own. */
function jsonText(body: Uint8Array): string | undefined {
  try {
    const text = decodeUtf8(body)
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}

/** Takes an envelope apart, from an Aether peer or a Python one; throws `ERR_AETHER_ENVELOPE_INVALID`. */
export function decodeEnvelope(bytes: Uint8Array): Parcel {
  const source = parse(bytes)
  const traceparent = source[traceHeader]
  const fields = readFields(
    typeof traceparent === 'string' && traceparent !== ''
      ? {
          ...source,
          headers: { ...(isRecord(source['headers']) ? source['headers'] : {}), [traceHeader]: traceparent },
        }
      : source,
  )
  return { fields, body: bodyOf(source['encoding'], source['data']) }
}

function parse(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(decodeUtf8(bytes))
  } catch {
    // The cause would quote the message: it is payload.
    throw invalidEnvelope(`${bytes.length} bytes that are no JSON`)
  }
  if (!isRecord(value)) throw invalidEnvelope('not a JSON object')
  return value
}

function bodyOf(encoding: unknown, data: unknown): Uint8Array {
  if (encoding === 'none' || data === undefined) return emptyBytes
  if (encoding === undefined) return plain(encodeUtf8(JSON.stringify(data)))
  const body = encoding === 'base64' && typeof data === 'string' ? fromBase64(data) : undefined
  if (!body) throw invalidEnvelope('data does not fit its encoding')
  return plain(body)
}

/** A Buffer as what it is for: receivers are promised a Uint8Array and nothing else. */
function plain({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
