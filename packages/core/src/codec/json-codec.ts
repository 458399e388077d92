import type { Codec } from './codec.ts'
import { reasonOf, undecodable, unencodable } from './codec-errors.ts'
import { decodeUtf8, emptyBytes, encodeUtf8 } from './utf8.ts'

/**
 * JSON in UTF-8, the default: readable by every peer. Throws `ERR_AETHER_PAYLOAD_UNENCODABLE` for BigInt, cycles, functions and symbols at the top, and for
 * binary views other than what travels as `raw`. What JSON itself drops (functions and `undefined` inside objects, `NaN`) is dropped here too.
 */
export const json: Codec = {
  name: 'json',

  encode(value) {
    if (value === undefined) return emptyBytes
    if (ArrayBuffer.isView(value))
      throw unencodable('json', 'binary data; give a Uint8Array alone, which travels as raw')
    let text: string | undefined
    try {
      text = JSON.stringify(value)
    } catch (error) {
      throw unencodable('json', `${reasonOf(error)} (a BigInt, a cycle, or a toJSON that throws)`, error)
    }
    if (text === undefined) throw unencodable('json', `a ${typeof value} has no JSON form`)
    return encodeUtf8(text)
  },

  decode(body) {
    if (body.length === 0) return undefined
    try {
      return JSON.parse(decodeUtf8(body))
    } catch (error) {
      // JSON.parse quotes the text it failed on: that is payload, so only the cause's name is told.
      throw undecodable('json', body.length, error instanceof SyntaxError ? 'not JSON' : 'not UTF-8')
    }
  },
}
