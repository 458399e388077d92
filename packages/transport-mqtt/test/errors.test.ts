import { AetherError } from '@aether/core'
import { describe, expect, it } from 'vitest'
import { connectionError, isFinal, isVersionRefusal, reasonError } from '../src/errors.ts'

/** As mqtt.js makes them. */
function withCode(message: string, code: number | string): Error {
  return Object.assign(new Error(message), { code })
}

describe('reasonError', () => {
  it.each([
    [0x80, 'ERR_AETHER_CONNECT_FAILED', true],
    [0x81, 'ERR_AETHER_FRAME_INVALID', false],
    [0x82, 'ERR_AETHER_FRAME_INVALID', false],
    [0x83, 'ERR_AETHER_CONNECT_FAILED', true],
    [0x84, 'ERR_AETHER_PROTOCOL_VERSION', false],
    [0x85, 'ERR_AETHER_OPTIONS_INVALID', false],
    [0x86, 'ERR_AETHER_TOKEN_REFUSED', false],
    [0x87, 'ERR_AETHER_TOKEN_REFUSED', false],
    [0x88, 'ERR_AETHER_CONNECT_FAILED', true],
    [0x89, 'ERR_AETHER_CONNECT_FAILED', true],
    [0x8a, 'ERR_AETHER_TOKEN_REFUSED', false],
    [0x8b, 'ERR_AETHER_TRANSPORT_LOST', true],
    [0x8c, 'ERR_AETHER_TOKEN_REFUSED', false],
    [0x8d, 'ERR_AETHER_TRANSPORT_LOST', true],
    [0x8e, 'ERR_AETHER_TRANSPORT_LOST', false],
    [0x8f, 'ERR_AETHER_TOPIC_INVALID', false],
    [0x90, 'ERR_AETHER_TOPIC_INVALID', false],
    [0x93, 'ERR_AETHER_TRANSPORT_LOST', true],
    [0x94, 'ERR_AETHER_TRANSPORT_LOST', true],
    [0x95, 'ERR_AETHER_PAYLOAD_TOO_LARGE', false],
    [0x96, 'ERR_AETHER_RATE_LIMITED', true],
    [0x97, 'ERR_AETHER_QUEUE_FULL', true],
    [0x98, 'ERR_AETHER_TRANSPORT_LOST', true],
    [0x99, 'ERR_AETHER_FRAME_INVALID', false],
    [0x9a, 'ERR_AETHER_CAPABILITY_UNSUPPORTED', false],
    [0x9b, 'ERR_AETHER_CAPABILITY_UNSUPPORTED', false],
    [0x9c, 'ERR_AETHER_CONNECT_FAILED', true],
    [0x9d, 'ERR_AETHER_CONNECT_FAILED', true],
    [0x9e, 'ERR_AETHER_CAPABILITY_UNSUPPORTED', false],
    [0x9f, 'ERR_AETHER_RATE_LIMITED', true],
    [0xa0, 'ERR_AETHER_TRANSPORT_LOST', true],
    [0xa1, 'ERR_AETHER_CAPABILITY_UNSUPPORTED', false],
    [0xa2, 'ERR_AETHER_CAPABILITY_UNSUPPORTED', false],
    [0xff, 'ERR_AETHER_TRANSPORT_LOST', true],
  ] as const)('makes of reason %i %s', (reasonCode, code, retryable) => {
    const cause = new Error('of mqtt.js')
    const error = reasonError(reasonCode, 'broker', cause)
    expect(error).toBeInstanceOf(AetherError)
    expect(error).toMatchObject({ code, retryable, detail: { reasonCode }, cause })
    expect(error.message).toMatch(/^broker: /)
  })

  it.each([
    [1, 'ERR_AETHER_PROTOCOL_VERSION'],
    [2, 'ERR_AETHER_OPTIONS_INVALID'],
    [3, 'ERR_AETHER_CONNECT_FAILED'],
    [4, 'ERR_AETHER_TOKEN_REFUSED'],
    [5, 'ERR_AETHER_TOKEN_REFUSED'],
  ] as const)('makes of return code %i of MQTT 3.1.1 %s', (returnCode, code) => {
    expect(reasonError(returnCode, 'broker').code).toBe(code)
  })

  it('tells a refused version from everything else', () => {
    expect(isVersionRefusal(reasonError(1, 'broker'))).toBe(true)
    expect(isVersionRefusal(reasonError(0x84, 'broker'))).toBe(true)
    expect(isVersionRefusal(reasonError(0x86, 'broker'))).toBe(false)
  })
})

describe('connectionError', () => {
  it('leaves an error of core as it is', () => {
    const error = new AetherError('ERR_AETHER_LEASE_LOST', 'gone')
    expect(connectionError(error, 'broker')).toBe(error)
  })

  it.each([
    ['a reason code', withCode('Connection refused: Not authorized', 0x87), 'ERR_AETHER_TOKEN_REFUSED', true],
    ['no answer', new Error('connack timeout'), 'ERR_AETHER_CONNECT_TIMEOUT', false],
    ['silence', new Error('Keepalive timeout'), 'ERR_AETHER_TRANSPORT_LOST', false],
    ['nobody there', withCode('connect ECONNREFUSED', 'ECONNREFUSED'), 'ERR_AETHER_CONNECT_FAILED', false],
    ['no such name', withCode('getaddrinfo ENOTFOUND', 'ENOTFOUND'), 'ERR_AETHER_CONNECT_FAILED', false],
    [
      'a certificate that nobody signed',
      withCode('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'),
      'ERR_AETHER_CONNECT_FAILED',
      true,
    ],
    [
      'a certificate of another name',
      withCode('does not match', 'ERR_TLS_CERT_ALTNAME_INVALID'),
      'ERR_AETHER_CONNECT_FAILED',
      true,
    ],
    [
      'no TLS',
      withCode('wrong version number', 'ERR_SSL_WRONG_VERSION_NUMBER'),
      'ERR_AETHER_CONNECT_FAILED',
      true,
    ],
    ['a broken handshake', withCode('write EPROTO', 'EPROTO'), 'ERR_AETHER_CONNECT_FAILED', true],
    ['anything else', new Error('Connection closed'), 'ERR_AETHER_TRANSPORT_LOST', false],
    ['what is no error', 'text', 'ERR_AETHER_TRANSPORT_LOST', false],
  ] as const)('maps %s', (_what, thrown, code, mayNotHelp) => {
    const error = connectionError(thrown, 'mqtt://broker:1883')
    expect(error).toMatchObject({ code, cause: thrown })
    expect(error.message).toContain('mqtt://broker:1883')
    expect(isFinal(error)).toBe(mayNotHelp)
  })

  it('takes a socket that breaks for a lost connection, once it was open', () => {
    const reset = withCode('read ECONNRESET', 'ECONNRESET')
    expect(connectionError(reset, 'broker', true).code).toBe('ERR_AETHER_TRANSPORT_LOST')
    expect(connectionError(reset, 'broker').code).toBe('ERR_AETHER_CONNECT_FAILED')
  })

  it('says what failed where attempts at several addresses fail together', () => {
    const error = new AggregateError([withCode('connect ECONNREFUSED ::1:1', 'ECONNREFUSED')], '')
    expect(connectionError(Object.assign(error, { code: 'ECONNREFUSED' }), 'broker').message).toContain(
      '::1:1',
    )
  })
})
