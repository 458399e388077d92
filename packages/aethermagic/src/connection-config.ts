import { checkName } from '@aether/core'
import { checkKeys, optionInvalid, optionMisplaced, unsupported } from './errors.ts'
import { isProtocolType, ProtocolType } from './protocol-type.ts'

/** How tasks travel through Redis: the name that `@aether/transport-redis` has for it. */
export type RedisMode = 'streams' | 'lists' | 'pubsub'

/** The options of the Python library; `undefined` is its `None`. */
export interface ConnectionConfigOptions<P extends ProtocolType = ProtocolType> {
  /** @default 'mqtt' */
  readonly protocol_type?: P | undefined
  /** Another name of `protocol_type`. */
  readonly protocol?: P | undefined
  /** A name or an address, without scheme and port. @default 'localhost' */
  readonly host?: string | undefined
  /** @default 1883 for mqtt (8883 with ssl), 6379 for redis, 8080 for http and websocket, 5555 for zeromq, 5672 for rabbitmq */
  readonly port?: number | undefined
  /** @default false */
  readonly ssl?: boolean | undefined
  /** @default '', none */
  readonly username?: string | undefined
  /** @default '', none */
  readonly password?: string | undefined
  /** Namespace of the application: nothing crosses it. @default 'default' */
  readonly union?: string | undefined
  /** By which an `AetherTask` finds this connection. @default '' */
  readonly channel?: string | undefined
  /** Workers that share work; a caller hears of those that it names too. @default 'workers' */
  readonly workgroup?: string | undefined
  /** Seconds to wait for a connection. @default the transport's own, 10 */
  readonly timeout?: number | undefined
  /** Seconds of silence after which the other side is asked for a sign of life. @default the transport's own */
  readonly keepalive?: number | undefined
  /** Redis: `true` is `mode: 'streams'`, `false` is `mode: 'pubsub'`. @default false */
  readonly use_streams?: boolean | undefined
  /** Another name of `workgroup`. */
  readonly consumer_group?: string | undefined
  /** Redis: name of this instance among the consumers that Redis shows. */
  readonly consumer_name?: string | undefined
  /** Redis: how tasks travel. HTTP and WebSocket: only `client`. @default as use_streams says */
  readonly mode?: RedisMode | 'client' | 'server' | undefined
  /** ZeroMQ: without meaning here, as the receivers decide who shares. */
  readonly pattern?: string | undefined
  /** ZeroMQ: only `false`. */
  readonly server_mode?: boolean | undefined
  /** Of old: the host of an MQTT broker. */
  readonly server?: string | undefined
  /** Of old: another name of `username`. */
  readonly user?: string | undefined
}

export const configKeys: ReadonlySet<string> = new Set([
  'protocol_type',
  'protocol',
  'host',
  'port',
  'ssl',
  'username',
  'password',
  'union',
  'channel',
  'workgroup',
  'timeout',
  'keepalive',
  'use_streams',
  'consumer_group',
  'consumer_name',
  'mode',
  'pattern',
  'server_mode',
  'server',
  'user',
] satisfies (keyof ConnectionConfigOptions)[])

const where = 'ConnectionConfig'
const redisModes: ReadonlySet<unknown> = new Set<RedisMode>(['streams', 'lists', 'pubsub'])

/** Options with every default in place; throws `ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_NAME_INVALID` and `ERR_AETHER_CAPABILITY_UNSUPPORTED`. */
export class ConnectionConfig<P extends ProtocolType = ProtocolType> {
  readonly protocol_type: P
  readonly host: string
  readonly port: number
  readonly ssl: boolean
  readonly username: string
  readonly password: string
  readonly union: string
  readonly channel: string
  readonly workgroup: string
  readonly timeout: number | undefined
  readonly keepalive: number | undefined
  readonly use_streams: boolean | undefined
  readonly consumer_name: string | undefined
  /** Of Redis, where it was given. */
  readonly mode: RedisMode | undefined
  readonly pattern: string | undefined

  constructor(options: ConnectionConfigOptions<P> = {}) {
    checkKeys(where, options, configKeys)
    const protocol = protocolOf(options)
    this.protocol_type = protocol as P
    this.ssl = checkBoolean('ssl', options.ssl ?? false)
    this.host = checkHost(options.host ?? options.server ?? 'localhost')
    this.port = checkPort(options.port ?? defaultPort(protocol, this.ssl))
    this.username = checkText('username', sameOf(options, 'username', 'user') ?? '')
    this.password = checkText('password', options.password ?? '')
    this.union = checkName('union', options.union ?? 'default')
    this.channel = checkText('channel', options.channel ?? '')
    this.workgroup = checkName('workgroup', sameOf(options, 'workgroup', 'consumer_group') ?? 'workers')
    this.timeout = checkSeconds('timeout', options.timeout)
    this.keepalive = checkSeconds('keepalive', options.keepalive)
    this.use_streams = belongsTo('redis', protocol, 'use_streams', options.use_streams)
    if (this.use_streams !== undefined) checkBoolean('use_streams', this.use_streams)
    this.consumer_name = belongsTo('redis', protocol, 'consumer_name', options.consumer_name)
    if (this.consumer_name !== undefined) checkName('client', this.consumer_name)
    this.mode = checkMode(protocol, this.use_streams, options.mode)
    this.pattern = belongsTo('zeromq', protocol, 'pattern', options.pattern)
    refuseServer(protocol, options)
    Object.freeze(this)
  }

  /** How tasks travel through Redis; undefined for other protocols. No field, so that a copy may say otherwise. */
  get redis_mode(): RedisMode | undefined {
    if (this.protocol_type !== 'redis') return undefined
    return this.mode ?? (this.use_streams === true ? 'streams' : 'pubsub')
  }
}

function protocolOf(options: ConnectionConfigOptions): ProtocolType {
  const given = sameOf(options, 'protocol_type', 'protocol')
  if (given !== undefined && !isProtocolType(given)) {
    const known = Object.values(ProtocolType).join(', ')
    const shown = typeof given === 'string' ? ` ${JSON.stringify((given as string).slice(0, 40))}` : ''
    throw optionMisplaced(where, `protocol_type${shown}`, `is unknown; there are ${known}`)
  }
  if (options.server === undefined) return given ?? ProtocolType.MQTT
  // `server` is as old as the library, and it knew only MQTT then.
  if (options.host !== undefined)
    throw optionMisplaced(where, 'server', 'is the old name of host: give one of them')
  if (given !== undefined && given !== ProtocolType.MQTT)
    throw optionMisplaced(where, 'server', 'means MQTT: use host with another protocol_type')
  return ProtocolType.MQTT
}

/** Two names of one thing, of which at most one says something else than the other. */
function sameOf<K extends keyof ConnectionConfigOptions, L extends keyof ConnectionConfigOptions>(
  options: ConnectionConfigOptions,
  name: K,
  alias: L,
): ConnectionConfigOptions[K] | ConnectionConfigOptions[L] {
  const [one, other]: readonly unknown[] = [options[name], options[alias]]
  if (one !== undefined && other !== undefined && one !== other)
    throw optionMisplaced(where, `${name} and ${alias}`, 'mean the same and say different things')
  return options[name] ?? options[alias]
}

/** Python takes any option for any protocol and forgets it; here it would look as if it did something. */
function belongsTo<T>(
  owner: ProtocolType,
  protocol: ProtocolType,
  option: string,
  value: T | undefined,
): T | undefined {
  if (value !== undefined && protocol !== owner)
    throw optionMisplaced(where, option, `belongs to ${owner}, and this is ${protocol}`)
  return value
}

function checkMode(
  protocol: ProtocolType,
  useStreams: boolean | undefined,
  mode: ConnectionConfigOptions['mode'],
): RedisMode | undefined {
  if (protocol !== 'redis') {
    if (mode === undefined || mode === 'server') return undefined
    const isWeb = protocol === 'http' || protocol === 'websocket'
    if (isWeb && mode === 'client') return undefined
    throw optionMisplaced(where, 'mode', `has no such value for ${protocol}`)
  }
  if (mode === undefined) return undefined
  if (!redisModes.has(mode)) throw optionInvalid(where, 'mode', 'streams, lists or pubsub', mode)
  if (useStreams !== undefined && useStreams !== (mode === 'streams'))
    throw optionMisplaced(where, 'mode and use_streams', 'say different things')
  return mode as RedisMode
}

/** A transport is a client of its engine. */
function refuseServer(protocol: ProtocolType, { mode, server_mode }: ConnectionConfigOptions): void {
  if (mode === 'server' || belongsTo('zeromq', protocol, 'server_mode', server_mode) === true) {
    throw unsupported(
      'a server inside AetherMagic',
      'a transport is a client here; start the engine beside it, for example with `npx -p @aether/broker aether-broker`',
    )
  }
}

function defaultPort(protocol: ProtocolType, ssl: boolean): number {
  if (protocol === 'mqtt') return ssl ? 8883 : 1883
  const ports = { redis: 6379, http: 8080, websocket: 8080, zeromq: 5555, rabbitmq: 5672 } as const
  return ports[protocol]
}

function checkHost(host: unknown): string {
  const isName = typeof host === 'string' && /^[\p{L}\p{N}._-]{1,253}$/u.test(host)
  const isAddress = typeof host === 'string' && /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(host)
  if (isName || isAddress) return host
  throw optionInvalid(where, 'host', 'a name or an address, without scheme and port', host)
}

function checkPort(port: unknown): number {
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw optionInvalid(where, 'port', 'a whole number from 1 to 65535', port)
}

/** Up to what a timer of Node can wait. */
function checkSeconds(option: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && value >= 0.01 && value <= 2_000_000) return value
  throw optionInvalid(where, option, 'seconds from 0.01 to 2000000', value)
}

function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw optionInvalid(where, option, 'true or false', value)
}

function checkText(option: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw optionInvalid(where, option, 'a string', value)
}
