import { describe, expect, it } from 'vitest'

import { ConnectionConfig, type ConnectionConfigOptions } from '../src/connection-config.ts'
import { keepsTasks, transportOptions, type TransportOptions } from '../src/transport-options.ts'

describe('transportOptions', () => {
  it.each<[string, ConnectionConfigOptions, TransportOptions]>([
    ['mqtt', {}, { url: 'mqtt://localhost:1883', interop: 'aethermagic' }],
    ['mqtt with ssl', { host: 'b', ssl: true }, { url: 'mqtts://b:8883', interop: 'aethermagic' }],
    [
      'mqtt with all',
      { username: 'me', password: 'secret', timeout: 30, keepalive: 60 },
      {
        url: 'mqtt://localhost:1883',
        interop: 'aethermagic',
        username: 'me',
        password: 'secret',
        connectTimeoutMs: 30_000,
        keepAliveMs: 60_000,
      },
    ],
    ['redis', { protocol_type: 'redis' }, { url: 'redis://localhost:6379', mode: 'pubsub' }],
    [
      'redis with all',
      {
        protocol_type: 'redis',
        ssl: true,
        password: 'secret',
        use_streams: true,
        consumer_name: 'worker_1',
        timeout: 0.0125,
      },
      {
        url: 'rediss://localhost:6379',
        mode: 'streams',
        password: 'secret',
        consumerName: 'worker_1',
        connectTimeoutMs: 13,
      },
    ],
    ['an IPv6 address', { host: '::1' }, { url: 'mqtt://[::1]:1883', interop: 'aethermagic' }],
    ['http', { protocol_type: 'http', ssl: true }, { url: 'wss://localhost:8080' }],
    ['websocket', { protocol_type: 'websocket' }, { url: 'ws://localhost:8080' }],
    ['zeromq', { protocol_type: 'zeromq' }, { url: 'tcp://localhost:5555' }],
    ['rabbitmq', { protocol_type: 'rabbitmq', ssl: true }, { url: 'amqps://localhost:5672' }],
  ])('of %s', (_, options, expected) => {
    const config = new ConnectionConfig(options)
    expect(transportOptions(config)).toEqual(expected)
    expect(URL.canParse(expected.url)).toBe(true)
  })
})

describe('keepsTasks', () => {
  it.each<[boolean, ConnectionConfigOptions]>([
    [false, {}],
    [false, { protocol_type: 'redis' }],
    [true, { protocol_type: 'redis', use_streams: true }],
    [true, { protocol_type: 'redis', mode: 'lists' }],
    [true, { protocol_type: 'rabbitmq' }],
    [false, { protocol_type: 'zeromq' }],
  ])('is %s for %j', (expected, options) => {
    expect(keepsTasks(new ConnectionConfig(options))).toBe(expected)
  })
})
