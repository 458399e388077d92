import { describe, expect, test } from 'vitest'

import { json } from '../../src/codec/json-codec.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const cycle: { self?: unknown } = {}
cycle.self = cycle

describe('json', () => {
  test('writes UTF-8 JSON', () => {
    expect(text(json.encode({ name: 'größe', n: [1, null] }))).toBe('{"name":"größe","n":[1,null]}')
  })

  test('undefined is the empty body, null is not', () => {
    expect(json.encode(undefined).length).toBe(0)
    expect(json.decode(new Uint8Array(0))).toBeUndefined()
    expect(json.decode(json.encode(null))).toBeNull()
  })

  test.each([
    ['a BigInt', { id: 1n }],
    ['a cycle', cycle],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a float array', new Float32Array(2)],
    ['a toJSON that throws', { toJSON: () => { throw new Error('no') } }], // oxfmt-ignore
  ])('refuses %s', (_, value) => {
    expect(() => json.encode(value)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_PAYLOAD_UNENCODABLE', retryable: false }),
    )
  })

  test.each([
    ['half an object', '{"a":', 'not JSON'],
    ['two values', '1 2', 'not JSON'],
    ['plain text', 'secret-token', 'not JSON'],
  ])('refuses %s without quoting it', (_, body, why) => {
    const call = (): unknown => json.decode(new TextEncoder().encode(body))
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_AETHER_PAYLOAD_UNDECODABLE' }))
    expect(call).toThrow(why)
    expect(call).not.toThrow(body)
  })

  test('refuses bytes that are no UTF-8', () => {
    expect(() => json.decode(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('not UTF-8')
  })

  test('a key called __proto__ changes nobody', () => {
    json.decode(new TextEncoder().encode('{"__proto__":{"polluted":true}}'))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})
