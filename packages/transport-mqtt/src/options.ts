import { AetherError, type LeaseOptions } from '@aether/core'

/** For `mqtts:` and `wss:` URLs; PEM texts or bytes. */
export interface MqttTlsOptions {
  /** Authorities that are trusted in place of the system's. */
  readonly ca?: string | Uint8Array
  /** The client's own certificate, with its key. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly passphrase?: string
  /** Name that the server's certificate must be for. @default the host of the URL */
  readonly servername?: string
  /** @default true */
  readonly rejectUnauthorized?: boolean
}

export interface MqttOptions {
  /** `mqtt://host:port`, `mqtts://`, `ws://host:port/path` or `wss://`; several are tried in turn. */
  readonly url: string | readonly string[]
  /** Here or in the URL. @default '' */
  readonly username?: string
  readonly password?: string
  readonly tls?: MqttTlsOptions
  /** Unlike any other at the broker: another one of the same name ends this connection. @default 'aether-' and 16 random characters */
  readonly clientId?: string
  /** Silence after which the broker is asked for a sign of life; a connection without one ends half as long after. Whole seconds, rounded up. @default 10_000 */
  readonly keepAliveMs?: number
  /** How long `start`, and a call that waits for a connection, may wait. @default 10_000 */
  readonly connectTimeoutMs?: number
  /** How long one attempt to connect may take. @default 5_000 */
  readonly attemptTimeoutMs?: number
  /** Longest waits between attempts to connect, with full jitter. @default { initialMs: 50, maxMs: 5_000 } */
  readonly backoff?: { readonly initialMs?: number; readonly maxMs?: number }
  /** How long `close` waits for what was said to be confirmed. @default 1_000 */
  readonly closeTimeoutMs?: number
  /** 5, or 4 for MQTT 3.1.1. @default 5, and 4 where the broker refuses it */
  readonly protocolVersion?: 4 | 5
  /** Quality of service of tasks, signals and events. With 0 the broker confirms nothing: fewer packets, and losses are made up for by offering again. @default 1 */
  readonly qos?: 0 | 1
  /** Also serve peers that speak AetherMagic, which know no inbox: events are always published, and theirs are heard. @default none */
  readonly interop?: 'aethermagic'
  /** The lease layer: `resendMs`, `window`, `maxOpen` and so on. */
  readonly lease?: LeaseOptions
  /** Calls that may wait for a connection. @default 10_000 */
  readonly maxPending?: number
  /** Largest body; the broker's own limit may be lower. @default 1_048_576 */
  readonly maxPayloadBytes?: number
}

/** Where one attempt to connect goes. */
export interface MqttTarget {
  readonly protocol: 'mqtt' | 'mqtts' | 'ws' | 'wss'
  readonly host: string
  readonly port: number
  readonly path: string
  readonly username: string | undefined
  readonly password: string | undefined
}

export interface MqttSettings {
  readonly targets: readonly MqttTarget[]
  readonly tls: MqttTlsOptions
  readonly clientId: string
  readonly keepAliveSeconds: number
  readonly connectTimeoutMs: number
  readonly attemptTimeoutMs: number
  readonly backoff: { readonly initialMs: number; readonly maxMs: number }
  readonly closeTimeoutMs: number
  readonly protocolVersion: 4 | 5 | undefined
  readonly qos: 0 | 1
  readonly isInterop: boolean
  readonly lease: LeaseOptions
  readonly maxPending: number
  readonly maxPayloadBytes: number
}

const numbers = {
  keepAliveMs: 10_000,
  connectTimeoutMs: 10_000,
  attemptTimeoutMs: 5_000,
  closeTimeoutMs: 1_000,
  maxPending: 10_000,
  maxPayloadBytes: 1_048_576,
} as const

type NumberName = keyof typeof numbers

/** What an MQTT packet can hold, less room for its topic and envelope. */
const mostPayloadBytes = 268_000_000
const mostMs = 2_147_483_647

const optionNames: ReadonlySet<string> = new Set([
  ...Object.keys(numbers),
  ...[
    'url',
    'username',
    'password',
    'tls',
    'clientId',
    'backoff',
    'protocolVersion',
    'qos',
    'interop',
    'lease',
  ],
])
const tlsNames: ReadonlySet<string> = new Set([
  ...['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized'],
])
const defaultPorts = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const

/** Checks options and fills in defaults; throws `ERR_AETHER_OPTIONS_INVALID`. */
export function mqttSettings(options: MqttOptions): MqttSettings {
  if (typeof options !== 'object' || options === null) throw invalid('it takes an object of options')
  for (const name of Object.keys(options))
    if (!optionNames.has(name)) throw invalid(`option ${name} is unknown`)
  const checked = checkNumbers(options)
  const { protocolVersion, qos = 1, interop, lease = {} } = options
  if (protocolVersion !== undefined && protocolVersion !== 4 && protocolVersion !== 5)
    throw invalid(`protocolVersion must be 5, or 4 for MQTT 3.1.1, not ${String(protocolVersion)}`)
  if (qos !== 0 && qos !== 1) throw invalid(`qos must be 0 or 1, not ${String(qos)}`)
  if (interop !== undefined && interop !== 'aethermagic')
    throw invalid(`interop must be 'aethermagic', not ${String(interop)}`)
  if (typeof lease !== 'object' || lease === null) throw invalid('lease must be an object of options')
  const targets = targetsOf(options)
  const { keepAliveMs, ...others } = checked
  return {
    ...others,
    targets,
    tls: checkTls(options.tls, targets),
    clientId: checkClientId(options.clientId),
    keepAliveSeconds: Math.min(65_535, Math.ceil(keepAliveMs / 1_000)),
    backoff: checkBackoff(options.backoff),
    protocolVersion,
    qos,
    isInterop: interop !== undefined,
    lease,
  }
}

function checkNumbers(options: MqttOptions): Record<NumberName, number> {
  const checked: Record<NumberName, number> = { ...numbers }
  for (const name of Object.keys(numbers) as NumberName[]) {
    const value: unknown = options[name] ?? numbers[name]
    const most = name === 'maxPayloadBytes' ? mostPayloadBytes : mostMs
    checked[name] = wholeNumber(name, value, most)
  }
  return checked
}

function wholeNumber(name: string, value: unknown, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= most) return value
  throw invalid(`${name} must be a whole number from 1 to ${most}, not ${String(value)}`)
}

function checkBackoff(backoff: MqttOptions['backoff'] = {}): MqttSettings['backoff'] {
  if (typeof backoff !== 'object' || backoff === null) throw invalid('backoff must be { initialMs, maxMs }')
  const { initialMs = 50, maxMs = Math.max(5_000, initialMs) } = backoff
  wholeNumber('backoff.initialMs', initialMs, mostMs)
  wholeNumber('backoff.maxMs', maxMs, mostMs)
  if (maxMs < initialMs) throw invalid('backoff.maxMs must not be less than backoff.initialMs')
  return { initialMs, maxMs }
}

function checkClientId(clientId: unknown = `aether-${randomName()}`): string {
  if (typeof clientId === 'string' && clientIdForm.test(clientId)) return clientId
  throw invalid('clientId must be 1 to 100 characters without / + # spaces and control characters')
}

/** It is a level of the topics of its inbox and its presence. */
const clientIdForm = /^[^/+#$\s\p{Cc}\p{Cf}\p{Cs}][^/+#\s\p{Cc}\p{Cf}\p{Cs}]{0,99}$/u

function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function checkTls(tls: unknown = {}, targets: readonly MqttTarget[]): MqttTlsOptions {
  if (typeof tls !== 'object' || tls === null) throw invalid('tls must be an object of options')
  for (const name of Object.keys(tls)) if (!tlsNames.has(name)) throw invalid(`option tls.${name} is unknown`)
  const options = tls as MqttTlsOptions
  if ((options.cert === undefined) !== (options.key === undefined))
    throw invalid('tls.cert and tls.key must be given together')
  const plain = targets.find(({ protocol }) => protocol === 'mqtt' || protocol === 'ws')
  if (Object.keys(tls).length > 0 && plain !== undefined)
    throw invalid(
      `tls was given, but ${plain.protocol}://${plain.host} is not encrypted: use mqtts:// or wss://`,
    )
  return { ...options }
}

function targetsOf({ url, username, password }: MqttOptions): readonly MqttTarget[] {
  const urls: readonly unknown[] = Array.isArray(url) ? url : [url]
  if (urls.length === 0) throw invalid('url must name at least one broker')
  for (const [name, value] of Object.entries({ username, password })) {
    if (value !== undefined && typeof value !== 'string') throw invalid(`${name} must be a text`)
  }
  if (password !== undefined && username === undefined) throw invalid('password was given without username')
  return urls.map((one) => targetOf(one, { username, password }))
}

function targetOf(url: unknown, login: Pick<MqttTarget, 'password' | 'username'>): MqttTarget {
  // A URL may hold a password, so errors do not show it.
  const form = 'url must be mqtt://host:port, mqtts://host:port, ws://host:port/path or wss://host:port/path'
  if (typeof url !== 'string' || !URL.canParse(url)) throw invalid(form)
  const parsed = new URL(url)
  const protocol = parsed.protocol.slice(0, -1)
  if (!isProtocol(protocol) || parsed.hostname === '') throw invalid(form)
  const isWeb = protocol === 'ws' || protocol === 'wss'
  if (!isWeb && parsed.pathname !== '' && parsed.pathname !== '/') throw invalid(`${form}, without a path`)
  return {
    protocol,
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? defaultPorts[protocol] : Number(parsed.port),
    path: isWeb ? `${parsed.pathname}${parsed.search}` : '',
    username: login.username ?? decoded(parsed.username),
    password: login.password ?? decoded(parsed.password),
  }
}

function decoded(part: string): string | undefined {
  if (part === '') return undefined
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalid('url has credentials that are not percent-encoded')
  }
}

function isProtocol(value: string): value is MqttTarget['protocol'] {
  return Object.hasOwn(defaultPorts, value)
}

function invalid(why: string): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `mqtt: ${why}`)
}
