import { describe, expect, test } from 'vitest'

import { decodeEnvelope, encodeEnvelope } from '../../src/envelope/json-envelope.ts'
import { eventFromParcel } from '../../src/envelope/event-envelope.ts'
import { signalFromParcel } from '../../src/envelope/signal-envelope.ts'
import { taskFromParcel } from '../../src/envelope/task-envelope.ts'
import { routeCache } from '../../src/topic/route-cache.ts'
import { defaults } from '../support/envelope-vectors.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const invalid = expect.objectContaining({ code: 'ERR_AETHER_ENVELOPE_INVALID' })
const at = { route: { union: 'u', job: 'j', task: 't', context: 'x' }, tid: '1' }
const fields = { action: 'perform', status: 'initialized', progress: 0, host: 'h', client: 'c' }

describe('decodeEnvelope refuses', () => {
  test.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['half an object', '{"action":"perf'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a number for action', '{"action":5}'],
    ['a text for progress', '{"action":"status","progress":"50"}'],
    ['a text for attempt', '{"action":"status","attempt":"1"}'],
    ['a negative attempt', '{"action":"status","attempt":-1}'],
    ['a number for workgroup', '{"action":"status","workgroup":1}'],
    ['an error without code', '{"action":"complete","status":"failed","error":{"message":"x"}}'],
    ['a text for error', '{"action":"complete","status":"failed","error":"x"}'],
    ['headers with numbers', '{"action":"perform","headers":{"a":1}}'],
    ['broken base64', '{"action":"perform","encoding":"base64","data":"A"}'],
    ['base64 of an object', '{"action":"perform","encoding":"base64","data":{}}'],
    ['an unknown encoding', '{"action":"perform","encoding":"zip","data":""}'],
  ])('%s', (_, text) => {
    expect(() => decodeEnvelope(bytes(text))).toThrow(invalid)
  })

  test('bytes that are no UTF-8', () => {
    expect(() => decodeEnvelope(Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow(invalid)
  })
})

describe('the messages inside are checked too', () => {
  test.each([
    ['an unknown action', '{"action":"explode"}'],
    ['a complete that is neither', '{"action":"complete","status":"done"}'],
    ['an unknown codec', '{"action":"idle","codec":"xml"}'],
  ])('%s is no event', (_, text) => {
    expect(() => eventFromParcel(decodeEnvelope(bytes(text)), at)).toThrow(invalid)
  })

  test('a status is no task', () => {
    expect(() => taskFromParcel(decodeEnvelope(bytes('{"action":"status"}')), { ...at, defaults })).toThrow(
      invalid,
    )
  })

  test.each([
    '{"action":"lease"}',
    '{"action":"lease","signal":"accept"}',
    '{"action":"lease","signal":"constructor","route":"u/j/t/x","tid":"1"}',
    '{"action":"lease","signal":"accept","route":"u/j/t","tid":"1"}',
    '{"action":"lease","signal":"accept","route":"u/j/t/x","tid":"a/b"}',
    '{"action":"cancel","signal":"accept","route":"u/j/t/x","tid":"1"}',
  ])('%s is no signal', (text) => {
    expect(() => signalFromParcel(decodeEnvelope(bytes(text)), routeCache())).toThrow(invalid)
  })
})

describe('encodeEnvelope', () => {
  test('lets no body write fields of its own', () => {
    const body = bytes('1,"action":"complete"')
    const parcel = decodeEnvelope(encodeEnvelope({ fields, body }))
    expect(parcel.fields.action).toBe('perform')
    expect([...parcel.body]).toEqual([...body])
  })

  test('progress out of range is brought into it', () => {
    expect(decodeEnvelope(bytes('{"action":"status","progress":250}')).fields.progress).toBe(100)
    expect(decodeEnvelope(bytes('{"action":"status","progress":-1}')).fields.progress).toBe(0)
  })
})
