import { describe, expect, test } from 'vitest'

import { codecSet } from '../../src/codec/codec-set.ts'
import { json } from '../../src/codec/json-codec.ts'
import { msgpack } from '../../src/codec/msgpack.ts'
import { raw } from '../../src/codec/raw-codec.ts'

describe('codecSet', () => {
  test('writes binary data as raw, whatever is preferred', () => {
    for (const set of [codecSet(), codecSet(msgpack)]) {
      expect(set.forValue(Buffer.from('x'))).toBe(raw)
      expect(set.forValue(new ArrayBuffer(2))).toBe(raw)
    }
    expect(codecSet().forValue({ a: 1 })).toBe(json)
    expect(codecSet(msgpack).forValue({ a: 1 })).toBe(msgpack)
  })

  test('reads json and raw always, others where they are installed', () => {
    expect(codecSet(msgpack).named('json')).toBe(json)
    expect(codecSet(msgpack).named('msgpack')).toBe(msgpack)
    expect(codecSet().named('raw')).toBe(raw)
    expect(() => codecSet().named('msgpack')).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_PAYLOAD_UNDECODABLE' }),
    )
  })

  test('refuses what is no codec', () => {
    expect(() => codecSet({ name: 'json' } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
    )
  })

  test('raw refuses what is not bytes', () => {
    expect(() => raw.encode('text')).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_PAYLOAD_UNENCODABLE' }),
    )
    expect(() => raw.encode(null)).toThrow('a null is not bytes')
    expect(raw.encode(undefined).length).toBe(0)
  })
})
