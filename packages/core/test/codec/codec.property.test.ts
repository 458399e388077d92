import fc from 'fast-check'
import { expect, test } from 'vitest'

import { json } from '../../src/codec/json-codec.ts'
import { msgpack } from '../../src/codec/msgpack.ts'
import { raw } from '../../src/codec/raw-codec.ts'

test('what JSON can say survives the json codec', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(json.decode(json.encode(value))).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('any text survives the json codec, lone surrogates included', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(json.decode(json.encode(text))).toBe(text)
    }),
  )
})

test('what JSON can say survives the msgpack codec, and bytes inside it too', () => {
  // -0 becomes 0, as in JSON; msgpackr renames a key called __proto__, so that nobody can set a prototype.
  const values = fc
    .jsonValue()
    .map((value): unknown => JSON.parse(JSON.stringify(value)))
    .filter((value) => !JSON.stringify(value).includes('__proto__'))
  fc.assert(
    fc.property(values, fc.uint8Array(), (value, bytes) => {
      const decoded = msgpack.decode(msgpack.encode({ value, bytes })) as {
        value: unknown
        bytes: Uint8Array
      }
      expect(decoded.value).toEqual(value)
      expect([...decoded.bytes]).toEqual([...bytes])
    }),
  )
})

test('raw bytes are the very same object, both ways', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(raw.encode(bytes)).toBe(bytes)
      expect(raw.decode(bytes)).toBe(bytes)
    }),
  )
})

test('arbitrary bytes are decoded or refused with the one code, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const codec of [json, msgpack]) {
        try {
          codec.decode(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_AETHER_PAYLOAD_UNDECODABLE' })
        }
      }
    }),
    { numRuns: 500 },
  )
})
