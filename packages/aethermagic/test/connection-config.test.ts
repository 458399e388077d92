import { describe, expect, it } from 'vitest'

import { ConnectionConfig } from '../src/connection-config.ts'
import { ProtocolType } from '../src/protocol-type.ts'
import { coded } from './support/coded.ts'

const invalid = 'ERR_AETHER_OPTIONS_INVALID'

describe('ConnectionConfig', () => {
  it('has the defaults of the Python library', () => {
    expect(Object.assign({}, new ConnectionConfig())).toEqual({
      protocol_type: 'mqtt',
      host: 'localhost',
      port: 1883,
      ssl: false,
      username: '',
      password: '',
      union: 'default',
      channel: '',
      workgroup: 'workers',
      timeout: undefined,
      keepalive: undefined,
      use_streams: undefined,
      consumer_name: undefined,
      mode: undefined,
      pattern: undefined,
    })
  })

  it.each([
    [ProtocolType.MQTT, 1883],
    [ProtocolType.REDIS, 6379],
    [ProtocolType.HTTP, 8080],
    [ProtocolType.WEBSOCKET, 8080],
    [ProtocolType.ZEROMQ, 5555],
    [ProtocolType.RABBITMQ, 5672],
  ])('knows the port of %s', (protocol_type, port) => {
    expect(new ConnectionConfig({ protocol_type }).port).toBe(port)
  })

  it('knows that MQTT has another port with ssl', () => {
    expect(new ConnectionConfig({ ssl: true }).port).toBe(8883)
  })

  it('takes the names of old: server, user', () => {
    const old = new ConnectionConfig({ server: 'broker', port: 1884, user: 'me' })
    expect(old).toMatchObject({ protocol_type: 'mqtt', host: 'broker', port: 1884, username: 'me' })
  })

  it('takes the other names: protocol, consumer_group', () => {
    const config = new ConnectionConfig({ protocol: 'redis', consumer_group: 'ai' })
    expect(config).toMatchObject({ protocol_type: 'redis', workgroup: 'ai' })
  })

  it.each([
    [{}, 'pubsub'],
    [{ use_streams: false }, 'pubsub'],
    [{ use_streams: true }, 'streams'],
    [{ mode: 'lists' }, 'lists'],
    [{ mode: 'streams' }, 'streams'],
    [{ mode: 'lists', use_streams: false }, 'lists'],
  ] as const)('makes of %j on Redis the mode %s', (options, mode) => {
    expect(new ConnectionConfig({ protocol_type: 'redis', ...options }).redis_mode).toBe(mode)
  })

  it('can be made of another one, and of None', () => {
    const config = new ConnectionConfig({
      protocol_type: 'redis',
      use_streams: true,
      consumer_name: 'worker_1',
      timeout: 30,
      username: undefined,
    })
    expect(new ConnectionConfig(Object.assign({}, config))).toEqual(config)
    expect(Object.isFrozen(config)).toBe(true)
    const plain = new ConnectionConfig({ protocol_type: 'redis' })
    expect(new ConnectionConfig(Object.assign({}, plain, { use_streams: true })).redis_mode).toBe('streams')
  })

  it.each([
    ['an unknown protocol', { protocol_type: 'carrier-pigeon' }, /carrier-pigeon.*mqtt, redis/],
    ['no text as protocol', { protocol_type: 7 }, /protocol_type/],
    ['an empty host', { host: '' }, /host must be a name/],
    ['a URL as host', { host: 'mqtt://broker:1883' }, /without scheme and port/],
    ['a host with a port', { host: 'broker:1883' }, /host/],
    ['a host with spaces', { host: 'my broker' }, /host/],
    ['null as host', { host: null, server: null }, /host/],
    ['port 0', { port: 0 }, /port.*got 0/],
    ['port 65536', { port: 65_536 }, /port/],
    ['a port that is no number', { port: '1883' }, /port.*got string/],
    ['half a port', { port: 1.5 }, /port/],
    ['no boolean as ssl', { ssl: 'yes' }, /ssl/],
    ['no text as password', { password: 5 }, /password/],
    ['no text as channel', { channel: 5 }, /channel/],
    ['a negative timeout', { timeout: -1 }, /timeout must be seconds/],
    ['milliseconds as timeout', { timeout: Infinity }, /timeout/],
    ['keepalive 0', { keepalive: 0 }, /keepalive/],
    ['a misspelt option', { use_stream: true }, /use_stream is unknown/],
    ['host and server', { host: 'a', server: 'b' }, /old name of host/],
    ['server with Redis', { server: 'a', protocol_type: 'redis' }, /means MQTT/],
    ['two users', { user: 'a', username: 'b' }, /username and user/],
    ['two groups', { workgroup: 'a', consumer_group: 'b' }, /workgroup and consumer_group/],
    ['use_streams on MQTT', { use_streams: true }, /use_streams belongs to redis/],
    ['consumer_name on MQTT', { consumer_name: 'a' }, /belongs to redis/],
    ['pattern on MQTT', { pattern: 'pubsub' }, /belongs to zeromq/],
    ['mode on MQTT', { mode: 'lists' }, /mode/],
    ['a wrong mode of Redis', { protocol_type: 'redis', mode: 'client' }, /streams, lists or pubsub/],
    ['two modes', { protocol_type: 'redis', mode: 'lists', use_streams: true }, /say different things/],
    ['no options', null, /must be an object/],
  ])('refuses %s', (_, options, text) => {
    expect(() => new ConnectionConfig(options as never)).toThrow(coded(invalid, text))
  })

  it.each([
    { protocol_type: 'http', mode: 'server' },
    { protocol_type: 'zeromq', server_mode: true },
  ] as const)('refuses to be a server: %j', (options) => {
    expect(() => new ConnectionConfig(options)).toThrow(
      coded('ERR_AETHER_CAPABILITY_UNSUPPORTED', /aether-broker/),
    )
  })

  it('takes the client mode of HTTP and of ZeroMQ', () => {
    expect(new ConnectionConfig({ protocol_type: 'http', mode: 'client' }).redis_mode).toBeUndefined()
    expect(new ConnectionConfig({ protocol_type: 'zeromq', server_mode: false }).port).toBe(5555)
  })

  it.each([
    { union: 'a/b' },
    { workgroup: 'a b' },
    { protocol_type: 'redis', consumer_name: 'a/b' },
  ] as const)('refuses what is no name: %j', (options) => {
    expect(() => new ConnectionConfig(options)).toThrow(coded('ERR_AETHER_NAME_INVALID'))
  })

  it('tells no secret in its errors', () => {
    const make = (): unknown => new ConnectionConfig({ host: 'user:hunter2@broker', password: 'hunter2' })
    expect(make).toThrow(coded(invalid))
    expect(make).not.toThrow(/hunter2/)
  })
})
