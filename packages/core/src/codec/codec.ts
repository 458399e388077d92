import type { CodecName } from '../transport.ts'

/**
 * Turns a value into the bytes of a body and back. `undefined` is the empty body in every codec, and the other way round.
 * `encode` throws `ERR_AETHER_PAYLOAD_UNENCODABLE`, `decode` throws `ERR_AETHER_PAYLOAD_UNDECODABLE`; neither keeps what it was given.
 */
export interface Codec {
  readonly name: CodecName
  encode(value: unknown): Uint8Array
  decode(body: Uint8Array): unknown
}
