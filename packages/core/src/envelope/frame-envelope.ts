import { decodeUtf8, encodeUtf8 } from '../codec/utf8.ts'
import { isRecord, readFields } from './envelope-fields.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { EnvelopeFields, Parcel } from './envelope.ts'

/** The length of the head, 32 bits, big-endian. */
const lengthBytes = 4
/** So the first byte is 0, and never the `{` of a JSON envelope. */
const maxHeadBytes = 0xff_ffff

/**
 * Parcels together in one message: the length of its head, the head, then the very bytes of the bodies one after the other. The head is a JSON list of the
 * fields of each, followed by the length of its body. For engines without headers, where a body is no JSON or several parcels travel together.
 */
export function encodeFrames(parcels: readonly Parcel[]): Uint8Array {
  const list: (EnvelopeFields | number)[] = []
  let bodyBytes = 0
  for (const { fields, body } of parcels) {
    list.push(fields, body.length)
    bodyBytes += body.length
  }
  const head = encodeUtf8(JSON.stringify(list))
  if (head.length > maxHeadBytes) throw invalidEnvelope(`${head.length} bytes of fields beside the bodies`)
  const bytes = new Uint8Array(lengthBytes + head.length + bodyBytes)
  new DataView(bytes.buffer).setUint32(0, head.length)
  bytes.set(head, lengthBytes)
  let at = lengthBytes + head.length
  for (const { body } of parcels) {
    bytes.set(body, at)
    at += body.length
  }
  return bytes
}

/** Takes a message of `encodeFrames` apart; bodies are views of `bytes`. Throws `ERR_AETHER_ENVELOPE_INVALID`. */
export function decodeFrames(bytes: Uint8Array): Parcel[] {
  const list = parseHead(bytes)
  let at = lengthBytes + headLength(bytes)
  const parcels: Parcel[] = []
  for (let index = 0; index < list.length; index += 2) {
    const [fields, length] = [list[index], list[index + 1]]
    if (!isRecord(fields)) throw invalidEnvelope('fields that are no JSON object')
    if (
      typeof length !== 'number' ||
      !Number.isSafeInteger(length) ||
      length < 0 ||
      length > bytes.length - at
    )
      throw invalidEnvelope('a body that is cut short')
    // A view of its own class: receivers are promised a Uint8Array, and a Buffer is more than that.
    parcels.push({
      fields: readFields(fields),
      body: new Uint8Array(bytes.buffer, bytes.byteOffset + at, length),
    })
    at += length
  }
  if (at !== bytes.length) throw invalidEnvelope(`${bytes.length - at} bytes after the last body`)
  return parcels
}

function headLength(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0)
}

function parseHead(bytes: Uint8Array): readonly unknown[] {
  const end = bytes.length < lengthBytes ? Infinity : lengthBytes + headLength(bytes)
  if (end > bytes.length) throw invalidEnvelope('frames that are cut short')
  let value: unknown
  try {
    value = JSON.parse(decodeUtf8(bytes.subarray(lengthBytes, end)))
  } catch {
    // The cause would quote the message.
    throw invalidEnvelope(`${end - lengthBytes} bytes of fields that are no JSON`)
  }
  if (!Array.isArray(value)) throw invalidEnvelope('frames without a list of fields')
  return value
}
