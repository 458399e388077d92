import type { Codec } from './codec.ts'
import { unencodable } from './codec-errors.ts'
import { emptyBytes } from './utf8.ts'

/**
 * Bytes as they are, neither copied nor converted: what `encode` is given is what travels, so leave it alone until the send is done. Takes `Uint8Array`
 * (so also `Buffer`), `ArrayBuffer` and `undefined`; throws `ERR_AETHER_PAYLOAD_UNENCODABLE` for the rest. Decodes to `Uint8Array`.
 */
export const raw: Codec = {
  name: 'raw',

  encode(value) {
    if (value instanceof Uint8Array) return value
    if (value instanceof ArrayBuffer) return new Uint8Array(value)
    if (value === undefined) return emptyBytes
    throw unencodable('raw', `a ${value === null ? 'null' : typeof value} is not bytes`)
  },

  decode(body) {
    return body
  },
}

/** Whether a value travels as `raw` whatever the codec of its channel is. */
export function isBinary(value: unknown): value is Uint8Array | ArrayBuffer {
  return value instanceof Uint8Array || value instanceof ArrayBuffer
}
