import { AetherError } from '@aether/core'
import { describe, expect, it } from 'vitest'
import { mqtt, mqttCapabilities, type MqttOptions } from '../src/index.ts'
import { mqttSettings } from '../src/options.ts'

const url = 'mqtt://127.0.0.1:1'

describe('mqttSettings', () => {
  it('fills in the defaults', () => {
    const { clientId, ...others } = mqttSettings({ url: 'mqtt://broker' })
    expect(clientId).toMatch(/^aether-[0-9a-f]{16}$/)
    expect(others).toEqual({
      targets: [
        { protocol: 'mqtt', host: 'broker', port: 1883, path: '', username: undefined, password: undefined },
      ],
      tls: {},
      keepAliveSeconds: 10,
      connectTimeoutMs: 10_000,
      attemptTimeoutMs: 5_000,
      closeTimeoutMs: 1_000,
      backoff: { initialMs: 50, maxMs: 5_000 },
      protocolVersion: undefined,
      qos: 1,
      isInterop: false,
      lease: {},
      maxPending: 10_000,
      maxPayloadBytes: 1_048_576,
    })
  })

  it.each([
    ['mqtts://broker', { protocol: 'mqtts', host: 'broker', port: 8883, path: '' }],
    ['mqtt://10.0.0.1:1884/', { host: '10.0.0.1', port: 1884, path: '' }],
    ['mqtt://[::1]:1884', { host: '::1', port: 1884 }],
    ['ws://broker/mqtt?a=1', { protocol: 'ws', port: 80, path: '/mqtt?a=1' }],
    ['wss://broker', { protocol: 'wss', port: 443, path: '/' }],
    ['mqtt://me:pass%20word@broker', { username: 'me', password: 'pass word' }],
  ])('reads %s', (given, expected) => {
    expect(mqttSettings({ url: given }).targets[0]).toMatchObject(expected)
  })

  it('takes several brokers, each with the user that is given beside them', () => {
    const { targets } = mqttSettings({ url: ['mqtt://one', 'mqtts://two'], username: 'me', password: 'p' })
    expect(targets.map(({ host, username, password }) => [host, username, password])).toEqual([
      ['one', 'me', 'p'],
      ['two', 'me', 'p'],
    ])
  })

  it('rounds the keep alive up to whole seconds', () => {
    expect(mqttSettings({ url, keepAliveMs: 1_001 }).keepAliveSeconds).toBe(2)
  })
})

describe('mqtt', () => {
  it('declares its capabilities, with its own payload limit', () => {
    const transport = mqtt({ url, maxPayloadBytes: 1_000 })
    expect(transport.capabilities).toEqual({ ...mqttCapabilities, maxPayloadBytes: 1_000 })
    expect(transport).toMatchObject({ name: 'mqtt', state: { status: 'idle' }, ignoredMessages: 0 })
  })

  it.each([
    [undefined],
    [url],
    [{}],
    [{ url: '' }],
    [{ url: 7 }],
    [{ url: [] }],
    [{ url: [url, 'x'] }],
    [{ url: 'http://broker' }],
    [{ url: 'mqtt://' }],
    [{ url: 'mqtt://broker/path' }],
    [{ url: 'mqtt://m%zz@broker' }],
    [{ url: 'mqtt://me:p%zz@broker' }],
    [{ url, colour: 'red' }],
    [{ url, username: 7 }],
    [{ url, password: 'without a user' }],
    [{ url, tls: 'yes' }],
    [{ url, tls: { ca: 'x' } }],
    [{ url: 'mqtts://broker', tls: { secret: 'x' } }],
    [{ url: 'mqtts://broker', tls: { cert: 'x' } }],
    [{ url, clientId: '' }],
    [{ url, clientId: 'a/b' }],
    [{ url, clientId: '+' }],
    [{ url, clientId: 'x'.repeat(101) }],
    [{ url, keepAliveMs: 0 }],
    [{ url, keepAliveMs: 1.5 }],
    [{ url, connectTimeoutMs: -1 }],
    [{ url, attemptTimeoutMs: Infinity }],
    [{ url, closeTimeoutMs: '1' }],
    [{ url, backoff: 5 }],
    [{ url, backoff: { maxMs: 0 } }],
    [{ url, backoff: { initialMs: 100, maxMs: 50 } }],
    [{ url, protocolVersion: 3 }],
    [{ url, qos: 2 }],
    [{ url, interop: true }],
    [{ url, lease: 5 }],
    [{ url, lease: { window: 0 } }],
    [{ url, maxPending: 0 }],
    [{ url, maxPayloadBytes: 2 ** 31 }],
  ])('refuses %j', (options) => {
    const refused = (): unknown => mqtt(options as unknown as MqttOptions)
    expect(refused).toThrow(AetherError)
    expect(refused).toThrow(expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }))
  })

  it('shows no password in its errors', () => {
    expect(() => mqtt({ url: 'mqtt://me:secret@broker/path' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    )
  })
})
