import type { CodecName } from '@aether/core'
import { Codec } from '@aether/wire'

const names: readonly CodecName[] = ['json', 'json', 'msgpack', 'raw']

/** The codec of a block as a name; a block without a body has one too, though it means nothing. */
export function codecName(byte: number): CodecName {
  return names[byte] ?? 'raw'
}

/** The byte of a codec; undefined where there is none of that name. */
export function codecByte(name: CodecName): number {
  return Codec[name]
}
