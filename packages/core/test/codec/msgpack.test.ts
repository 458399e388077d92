import { describe, expect, test } from 'vitest'

import { msgpack } from '../../src/codec/msgpack.ts'

const cycle: { self?: unknown } = {}
cycle.self = cycle

describe('msgpack', () => {
  test('writes what any MessagePack peer reads', () => {
    expect([...msgpack.encode({ ok: 1 })]).toEqual([0x81, 0xa2, 0x6f, 0x6b, 0x01])
    expect([...msgpack.encode([undefined])]).toEqual([0x91, 0xc0])
  })

  test('undefined is the empty body', () => {
    expect(msgpack.encode(undefined).length).toBe(0)
    expect(msgpack.decode(new Uint8Array(0))).toBeUndefined()
  })

  test('an earlier body keeps its bytes when later ones are written', () => {
    const first = msgpack.encode({ n: 1 })
    for (let n = 0; n < 2000; n++) msgpack.encode({ n, filler: 'x'.repeat(50) })
    expect(msgpack.decode(first)).toEqual({ n: 1 })
  })

  test('a key called __proto__ sets no prototype', () => {
    const decoded = msgpack.decode(msgpack.encode(JSON.parse('{"__proto__":{"polluted":true}}'))) as object
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
    expect('polluted' in decoded).toBe(false)
  })

  test.each([
    ['a cycle', cycle],
    ['a function', () => 1],
    ['a symbol inside', { s: Symbol('s') }],
    ['an integer over 64 bits', 2n ** 70n],
  ])('refuses %s', (_, value) => {
    expect(() => msgpack.encode(value)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_PAYLOAD_UNENCODABLE' }),
    )
  })

  test.each([
    ['the byte never used', [0xc1]],
    ['trailing bytes', [1, 2]],
    ['a short array', [0x92, 1]],
    ['a short string', [0xd9, 5, 65]],
  ])('refuses %s', (_, bytes) => {
    expect(() => msgpack.decode(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_PAYLOAD_UNDECODABLE' }),
    )
  })
})
