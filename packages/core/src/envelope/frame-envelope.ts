import { decodeUtf8, encodeUtf8 } from '../codec/utf8.ts'
import { isRecord, readFields } from './envelope-fields.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { Parcel } from './envelope.ts'

/** Two lengths of 32 bits, big-endian: of the fields and of the body. */
const headBytes = 8
/** So the first byte of a frame is 0, and never the `{` of a JSON envelope. */
const maxFieldsBytes = 0xff_ffff

/**
 * Parcels one after the other in one message: of each the lengths of its fields and its body, the fields as JSON, and the very bytes of the body. For engines
 * without headers, where a body is no JSON or where several parcels travel together.
 */
export function encodeFrames(parcels: readonly Parcel[]): Uint8Array {
  const texts = parcels.map(({ fields }) => encodeUtf8(JSON.stringify(fields)))
  let length = 0
  for (const [index, { body }] of parcels.entries()) length += headBytes + texts[index]!.length + body.length
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const [index, { body }] of parcels.entries()) {
    const fields = texts[index]!
    if (fields.length > maxFieldsBytes)
      throw invalidEnvelope(`${fields.length} bytes of fields beside a body`)
    view.setUint32(at, fields.length)
    view.setUint32(at + 4, body.length)
    bytes.set(fields, at + headBytes)
    bytes.set(body, at + headBytes + fields.length)
    at += headBytes + fields.length + body.length
  }
  return bytes
}

/** Takes frames apart; bodies are views of `bytes`. Throws `ERR_AETHER_ENVELOPE_INVALID`. */
export function decodeFrames(bytes: Uint8Array): Parcel[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parcels: Parcel[] = []
  let at = 0
  while (at < bytes.length) {
    const rest = bytes.length - at - headBytes
    const fieldsLength = rest < 0 ? 0 : view.getUint32(at)
    const bodyLength = rest < 0 ? 0 : view.getUint32(at + 4)
    if (rest < fieldsLength + bodyLength) throw invalidEnvelope('a frame that is cut short')
    const bodyAt = at + headBytes + fieldsLength
    const fields = parseFields(bytes.subarray(at + headBytes, bodyAt))
    at = bodyAt + bodyLength
    // A view of its own class: receivers are promised a Uint8Array, and a Buffer is more than that.
    parcels.push({ fields, body: new Uint8Array(bytes.buffer, bytes.byteOffset + bodyAt, bodyLength) })
  }
  return parcels
}

function parseFields(bytes: Uint8Array): Parcel['fields'] {
  let value: unknown
  try {
    value = JSON.parse(decodeUtf8(bytes))
  } catch {
    // The cause would quote the message.
    throw invalidEnvelope(`${bytes.length} bytes of fields that are no JSON`)
  }
  if (!isRecord(value)) throw invalidEnvelope('fields that are no JSON object')
  return readFields(value)
}
