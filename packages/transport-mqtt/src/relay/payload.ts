import {
  AetherError,
  decodeEnvelope,
  decodeFrames,
  encodeEnvelope,
  encodeFrames,
  type Parcel,
} from '@aether/core'

const brace = 0x7b

export function isFrame({ fields, body }: Parcel): boolean {
  return fields.codec !== undefined && fields.codec !== 'json' && body.length > 0
}

/** AetherMagic's JSON where the body is JSON, otherwise one frame: a body is never base64. */
export function toPayload(parcel: Parcel): Buffer {
  return asBuffer(isFrame(parcel) ? encodeFrames([parcel]) : encodeEnvelope(parcel))
}

/** Throws `ERR_AETHER_ENVELOPE_INVALID`. */
export function fromPayload(payload: Uint8Array): Parcel {
  if (payload[0] === brace) return decodeEnvelope(payload)
  const [parcel, ...more] = decodeFrames(payload)
  if (parcel && more.length === 0) return parcel
  const count = more.length + (parcel ? 1 : 0)
  throw new AetherError('ERR_AETHER_ENVELOPE_INVALID', `a message of ${count} frames in place of one`)
}

/** The same bytes, as mqtt.js takes them. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
