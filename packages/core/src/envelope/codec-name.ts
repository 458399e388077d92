import type { CodecName } from '../transport.ts'
import { invalidEnvelope } from './envelope-errors.ts'
import type { EnvelopeFields } from './envelope.ts'

/** The codec of a body; what a Python peer sends is JSON. */
export function codecOf({ codec }: EnvelopeFields): CodecName {
  if (codec === undefined || codec === 'json') return 'json'
  if (codec === 'raw' || codec === 'msgpack') return codec
  throw invalidEnvelope(`codec must be json, msgpack or raw, not ${JSON.stringify(codec.slice(0, 40))}`)
}

/** JSON is what a missing codec means, so it is not written. */
export function codecField(codec: CodecName): { readonly codec?: CodecName } {
  return codec === 'json' ? {} : { codec }
}
