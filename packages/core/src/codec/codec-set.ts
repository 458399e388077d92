import { AetherError } from '../errors.ts'
import type { Codec } from './codec.ts'
import { undecodable } from './codec-errors.ts'
import { json } from './json-codec.ts'
import { isBinary, raw } from './raw-codec.ts'

/** The codecs of one application: what it writes with, and all it can read. */
export interface CodecSet {
  /** What a value is written with: `raw` for binary data, the preferred codec for everything else. */
  forValue(value: unknown): Codec
  /** What a received body is read with; throws `ERR_AETHER_PAYLOAD_UNDECODABLE` where that codec is not installed. */
  named(name: string): Codec
}

/**
 * Always reads `json` and `raw`, and the preferred codec besides.
 *
 * @example
 * const codecs = codecSet()
 * const codec = codecs.forValue({ id: 1 })
 * send(codec.name, codec.encode({ id: 1 }))
 */
export function codecSet(preferred: Codec = json): CodecSet {
  if (typeof preferred?.encode !== 'function' || typeof preferred.decode !== 'function') {
    throw new AetherError(
      'ERR_AETHER_OPTIONS_INVALID',
      'codec must have encode and decode: use json, raw or @aether/core/msgpack',
    )
  }
  return {
    forValue: (value) => (isBinary(value) ? raw : preferred),
    named(name) {
      if (name === preferred.name) return preferred
      if (name === 'json') return json
      if (name === 'raw') return raw
      throw undecodable(name, 0, 'no such codec here: give it to createAether as `codec`')
    },
  }
}
