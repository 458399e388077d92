import { Packr } from 'msgpackr'

import type { Codec } from './codec.ts'
import { reasonOf, undecodable, unencodable } from './codec-errors.ts'
import { emptyBytes } from './utf8.ts'

// No records and no extension for undefined, which only msgpackr reads: any MessagePack peer understands what is written.
const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true })

/** The one byte that MessagePack never uses; msgpackr answers it with a marker object. */
const neverUsed = 0xc1

/**
 * MessagePack, from the optional peer `msgpackr`: smaller than JSON, and keeps bytes, dates and 64-bit integers inside a value. A `Map` becomes an object, a
 * `Set` an array, `undefined` inside a value `null`, and a key
 * `__proto__` is renamed. Both sides need it: pass it as `codec` to `createAether`. Throws `ERR_AETHER_PAYLOAD_UNENCODABLE` and
 * `ERR_AETHER_PAYLOAD_UNDECODABLE`.
 */
export const msgpack: Codec = {
  name: 'msgpack',

  encode(value) {
    if (value === undefined) return emptyBytes
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw unencodable('msgpack', `a ${typeof value} has no MessagePack form`)
    }
    try {
      return packr.pack(value)
    } catch (error) {
      throw unencodable(
        'msgpack',
        `${reasonOf(error)} (a cycle, a function, or an integer over 64 bits)`,
        error,
      )
    }
  },

  decode(body) {
    if (body.length === 0) return undefined
    if (body[0] === neverUsed)
      throw undecodable('msgpack', body.length, 'starts with a byte that MessagePack never uses')
    try {
      return packr.unpack(body)
    } catch (error) {
      throw undecodable('msgpack', body.length, reasonOf(error))
    }
  },
}
