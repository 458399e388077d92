import type { DispatchPolicy, EngineLimits } from '@aether/engine'
import { WireError } from '@aether/wire'

/** Where the broker reports: silent by default. Loggers that take the fields first, as pino does, need an adapter. */
export interface BrokerLogger {
  debug(message: string, fields?: object): void
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}

export interface BrokerOptions {
  /** Address to listen on; `0.0.0.0` or `::` opens the broker to the network. @default '127.0.0.1' */
  readonly host?: string
  /** 0 takes a free port: read it from `address`. @default 7411 */
  readonly port?: number
  /** Said in WELCOME. @default 'aether-broker' */
  readonly name?: string
  /** What a client has to say as its `token`; '' asks for none. Up to 65 535 bytes. @default '' */
  readonly token?: string
  /** Largest payload or body of one message, bytes. @default 1_048_576 */
  readonly maxPayloadBytes?: number
  /** Connections at a time; one more is told why and closed. @default 20_000 */
  readonly maxConnections?: number
  /** How long a connection may take to say HELLO. @default 5_000 */
  readonly handshakeTimeoutMs?: number
  /** A connection silent for twice as long is lost. @default 15_000 */
  readonly heartbeatMs?: number
  /** Topics that have an id at a time; further ones travel by name. @default 65_536 */
  readonly maxTopics?: number
  /** Filters of one connection; also its served topics, its consumers and its routes. @default 10_000 */
  readonly maxSubscriptions?: number
  /** Requests without a reply at a time, over all connections. @default 65_536 */
  readonly maxRequests?: number
  /** Longest wait for a reply, and the wait of a request that names none. @default 60_000 */
  readonly maxRequestTimeoutMs?: number
  /** Unsent bytes of one connection past which those who publish to it are paused. @default 1_048_576 */
  readonly highWaterBytes?: number
  /** How long a slow subscriber may hold its publishers back before it misses messages instead. @default 500 */
  readonly maxStallMs?: number
  /** Unsent bytes past which a connection is closed, and most bytes of requests that wait for somebody with room. @default 67_108_864 */
  readonly maxOutboundBytes?: number
  /** Which consumer of a workgroup gets the next task. @default 'most-credit' */
  readonly dispatch?: DispatchPolicy
  /** Bounds of the task queues; see `EngineLimits`. */
  readonly limits?: Partial<EngineLimits>
  /** How long `close` and a signal let running tasks finish. @default 10_000 */
  readonly drainGraceMs?: number
  /** @default silent */
  readonly logger?: BrokerLogger
}

/** Options with every default filled in. */
export type BrokerConfig = Required<Omit<BrokerOptions, 'limits'>> & {
  readonly limits: Partial<EngineLimits>
}

const silent: BrokerLogger = { debug() {}, info() {}, warn() {}, error() {} }

const defaults: BrokerConfig = {
  host: '127.0.0.1',
  port: 7411,
  name: 'aether-broker',
  token: '',
  maxPayloadBytes: 1_048_576,
  maxConnections: 20_000,
  handshakeTimeoutMs: 5_000,
  heartbeatMs: 15_000,
  maxTopics: 65_536,
  maxSubscriptions: 10_000,
  maxRequests: 65_536,
  maxRequestTimeoutMs: 60_000,
  highWaterBytes: 1_048_576,
  maxStallMs: 500,
  maxOutboundBytes: 67_108_864,
  dispatch: 'most-credit',
  limits: {},
  drainGraceMs: 10_000,
  logger: silent,
}

/** Lowest and highest value of each number. */
const ranges = {
  port: [0, 65_535],
  maxPayloadBytes: [1, 1_073_741_824],
  maxConnections: [1, 1_000_000],
  handshakeTimeoutMs: [1, 600_000],
  heartbeatMs: [10, 3_600_000],
  // No client keeps more.
  maxTopics: [0, 1_000_000],
  maxSubscriptions: [1, 1_000_000],
  maxRequests: [1, 1_048_576],
  maxRequestTimeoutMs: [1, 3_600_000],
  highWaterBytes: [1_024, 1_073_741_824],
  maxStallMs: [0, 60_000],
  maxOutboundBytes: [65_536, 4_294_967_296],
  drainGraceMs: [0, 86_400_000],
} as const satisfies Partial<Record<keyof BrokerConfig, readonly [number, number]>>

const limitNames = [
  'maxQueued',
  'maxBytes',
  'maxRoutes',
  'maxResults',
  'maxResultBytes',
  'resultTtlMs',
  'maxDeadLetters',
  'maxWatchers',
  'groupTtlMs',
] as const satisfies readonly (keyof EngineLimits)[]

/** Fills in defaults and refuses what makes no sense with `ERR_AETHER_OPTIONS_INVALID`. */
export function brokerConfig(options: BrokerOptions): BrokerConfig {
  if (typeof options !== 'object' || options === null) throw invalid('options', options, 'an object')
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(defaults, key))
      throw invalid(key, undefined, `one of ${Object.keys(defaults).join(', ')}`)
  }
  const given = Object.fromEntries(Object.entries(options).filter((entry) => entry[1] !== undefined))
  const config: BrokerConfig = { ...defaults, ...given }
  for (const [name, [low, high]] of Object.entries(ranges)) {
    const value = config[name as keyof typeof ranges]
    if (!Number.isInteger(value) || value < low || value > high) {
      throw invalid(name, value, `a whole number from ${low} to ${high}`)
    }
  }
  for (const name of ['host', 'name'] as const) {
    if (typeof config[name] !== 'string' || config[name] === '' || config[name].length > 255) {
      throw invalid(name, config[name], 'a string of 1 to 255 characters')
    }
  }
  // Its value stays out of the message.
  if (typeof config.token !== 'string' || Buffer.byteLength(config.token) > 65_535)
    throw invalid('token', undefined, 'a string of at most 65535 bytes')
  if (!['most-credit', 'round-robin', 'random'].includes(config.dispatch)) {
    throw invalid('dispatch', config.dispatch, 'most-credit, round-robin or random')
  }
  if (config.maxOutboundBytes < config.highWaterBytes + config.maxPayloadBytes) {
    throw invalid('maxOutboundBytes', config.maxOutboundBytes, 'at least highWaterBytes + maxPayloadBytes')
  }
  checkLogger(config.logger)
  return { ...config, limits: checkLimits(config.limits) }
}

function checkLimits(limits: Partial<EngineLimits>): Partial<EngineLimits> {
  if (typeof limits !== 'object' || limits === null) throw invalid('limits', limits, 'an object')
  for (const [name, value] of Object.entries(limits)) {
    if (!(limitNames as readonly string[]).includes(name)) {
      throw invalid(`limits.${name}`, undefined, `one of ${limitNames.join(', ')}`)
    }
    if (!Number.isInteger(value) || value < 0)
      throw invalid(`limits.${name}`, value, 'a whole number, 0 or more')
  }
  return { ...limits }
}

function checkLogger(logger: BrokerLogger): void {
  for (const level of ['debug', 'info', 'warn', 'error'] as const) {
    if (typeof logger?.[level] !== 'function')
      throw invalid('logger', undefined, `an object with a function ${level}`)
  }
}

function invalid(name: string, value: unknown, expected: string): WireError {
  const shown = typeof value === 'string' || typeof value === 'number' ? ` ${JSON.stringify(value)}` : ''
  return new WireError(
    'ERR_AETHER_OPTIONS_INVALID',
    `Broker option ${name}${shown} is not valid: it must be ${expected}.`,
    {
      detail: { option: name },
    },
  )
}
