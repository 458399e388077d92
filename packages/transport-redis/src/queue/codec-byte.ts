import type { CodecName } from '@aether/core'

const names = ['json', 'msgpack', 'raw'] as const

/** 0 stands for no body. */
export function codecByte(codec: CodecName): number {
  return names.indexOf(codec) + 1
}

export function codecName(byte: number): CodecName {
  return names[byte - 1] ?? 'json'
}
