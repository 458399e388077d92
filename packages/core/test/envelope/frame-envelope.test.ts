import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Parcel } from '../../src/envelope/envelope.ts'
import { decodeFrames, encodeFrames } from '../../src/envelope/frame-envelope.ts'

const base = { action: 'status', status: 'progress', progress: 50, host: 'h', client: 'c' }
const invalid = expect.objectContaining({ code: 'ERR_AETHER_ENVELOPE_INVALID' })

function withHead(head: unknown, ...bodies: number[]): Uint8Array {
  const json = new TextEncoder().encode(typeof head === 'string' ? head : JSON.stringify(head))
  return Uint8Array.of(0, 0, json.length >> 8, json.length & 0xff, ...json, ...bodies)
}

const parcels: fc.Arbitrary<Parcel[]> = fc.array(
  fc.record({
    fields: fc.record({
      ...Object.fromEntries(Object.entries(base).map(([name, value]) => [name, fc.constant(value)])),
      tid: fc.string({ minLength: 1 }),
      codec: fc.constantFrom('raw', 'json'),
    }) as fc.Arbitrary<Parcel['fields']>,
    body: fc.uint8Array({ maxLength: 40 }),
  }),
  { maxLength: 5 },
)

describe('frames', () => {
  test('come back as they were, each body byte by byte, wherever the message lies', () => {
    fc.assert(
      fc.property(parcels, fc.nat({ max: 9 }), (given, offset) => {
        const bytes = encodeFrames(given)
        const buffer = Buffer.concat([Buffer.alloc(offset, 7), bytes, Buffer.alloc(3, 9)])
        const read = decodeFrames(buffer.subarray(offset, offset + bytes.length))
        expect(read).toEqual(given)
        expect(bytes[0]).toBe(0)
        for (const { body } of read) expect(Object.getPrototypeOf(body)).toBe(Uint8Array.prototype)
      }),
    )
  })

  test('cut anywhere are refused', () => {
    const bytes = encodeFrames([
      { fields: base, body: Uint8Array.of(1, 2, 3) },
      { fields: base, body: Uint8Array.of(4) },
    ])
    for (let length = 0; length < bytes.length; length++)
      expect(() => decodeFrames(bytes.subarray(0, length))).toThrow(invalid)
  })

  test.each([
    ['no JSON', withHead('{]')],
    ['no UTF-8', Uint8Array.of(0, 0, 0, 1, 0xff)],
    ['no list', withHead({})],
    ['fields that are no object', withHead([1, 0])],
    ['a field of a wrong type', withHead([{ ...base, tid: 7 }, 0])],
    ['no length', withHead([base])],
    ['a length below 0', withHead([base, -1])],
    ['a length that is no whole number', withHead([base, 0.5], 1)],
    ['a length beyond the end', withHead([base, 2], 1)],
    ['more bytes than bodies', withHead([base, 1], 1, 2)],
  ])('with %s are refused', (_what, bytes) => {
    expect(() => decodeFrames(bytes)).toThrow(invalid)
  })

  test('whose fields are beyond measure are not made', () => {
    const fields = { ...base, reason: 'x'.repeat(17_000_000) }
    expect(() => encodeFrames([{ fields, body: new Uint8Array() }])).toThrow(invalid)
  })
})
