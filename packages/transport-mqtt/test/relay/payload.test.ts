import type { Parcel } from '@aether/core'
import { describe, expect, it } from 'vitest'
import { asBuffer, fromPayload, isFrame, toPayload } from '../../src/relay/payload.ts'

const fields = { action: 'perform', status: 'initialized', progress: 0, host: 'h', client: 'c' }
const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

describe('payloads', () => {
  it('with a JSON body are the JSON of AetherMagic', () => {
    const payload = toPayload({ fields, body: text({ n: 1 }) })
    expect(JSON.parse(payload.toString())).toEqual({ ...fields, data: { n: 1 } })
    expect(fromPayload(payload)).toEqual({ fields, body: text({ n: 1 }) })
  })

  it.each(['raw', 'msgpack'])('with a body of codec %s carry its very bytes', (codec) => {
    const body = Uint8Array.from({ length: 256 }, (_none, index) => index)
    const parcel: Parcel = { fields: { ...fields, codec }, body }
    const payload = toPayload(parcel)
    expect(isFrame(parcel)).toBe(true)
    expect(payload.includes(asBuffer(body))).toBe(true)
    expect(fromPayload(payload)).toEqual(parcel)
  })

  it('without a body are JSON, whatever the codec', () => {
    const parcel: Parcel = { fields: { ...fields, codec: 'raw' }, body: new Uint8Array() }
    expect(JSON.parse(toPayload(parcel).toString())).toMatchObject({ codec: 'raw', data: {} })
    expect(fromPayload(toPayload(parcel))).toEqual(parcel)
  })

  it.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['half an envelope', '{"action":"perform"'],
    ['a list', '[]'],
    ['a frame that is cut', '\0\0'],
    ['no frame at all', '\0\0\0\u0002[]'],
  ])('that are %s are refused', (_what, payload) => {
    expect(() => fromPayload(Buffer.from(payload))).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_ENVELOPE_INVALID' }),
    )
  })

  it('are not copied to become Buffers', () => {
    const bytes = new Uint8Array(8).subarray(2, 5)
    bytes[0] = 7
    expect(asBuffer(bytes)).toEqual(Buffer.from([7, 0, 0]))
    expect(asBuffer(bytes).buffer).toBe(bytes.buffer)
  })
})
