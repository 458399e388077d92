import type { Cluster, Redis } from 'ioredis'
import type { ConnectionOptions } from 'node:tls'
import { invalidOption } from './errors.ts'
import { type Access, type Address, parseAddress, parseUrl, type Target } from './target.ts'

/** How tasks travel: `streams` and `lists` at least once and kept by the server, `pubsub` at most once and kept by nobody. */
export type RedisMode = 'streams' | 'lists' | 'pubsub'

/** One server of several: a Sentinel, or a node of a Cluster. */
export interface RedisAddress {
  readonly host: string
  /** @default 6379, of a Sentinel 26379 */
  readonly port?: number
}

export interface RedisOptions<M extends RedisMode = RedisMode> {
  /** @default 'streams' */
  readonly mode?: M
  /**
   * `redis://[username[:password]@]host[:port][/db]`, with TLS `rediss://…`. One of `url`, `client`, `sentinels` and `cluster`.
   * @default 'redis://127.0.0.1:6379'
   */
  readonly url?: string
  /** A client of the application's: commands run on it, a connection of the transport's own listens. It is never closed here. */
  readonly client?: Redis | Cluster
  /** Sentinels that know where the master is; with `name`. */
  readonly sentinels?: readonly (RedisAddress | string)[]
  /** What the Sentinels call the master. */
  readonly name?: string
  /** Credentials of the Sentinels themselves, where they ask for some. */
  readonly sentinelUsername?: string
  readonly sentinelPassword?: string
  /** Some nodes of a Cluster; the others are learned from them. */
  readonly cluster?: readonly (RedisAddress | string)[]
  readonly username?: string
  readonly password?: string
  /** TLS with the defaults of Node, or with these. @default as the URL says */
  readonly tls?: boolean | ConnectionOptions
  /** Database; a Cluster has only 0. @default 0 */
  readonly db?: number
  /** What every key and channel begins with. @default 'aether:' */
  readonly prefix?: string
  /** Name of this instance among the consumers that Redis shows. @default the application's own */
  readonly consumerName?: string
  /** How long `start`, and a call that waits for a connection, may wait. @default 10_000 */
  readonly connectTimeoutMs?: number
  /** How long one attempt to connect may take. @default 5_000 */
  readonly attemptTimeoutMs?: number
  /** After how long a connection is asked for a sign of life; without one for as long again, it is given up. @default 5_000 */
  readonly keepAliveMs?: number
  /** Longest waits between attempts to connect, with full jitter. @default { initialMs: 50, maxMs: 5_000 } */
  readonly backoff?: { readonly initialMs?: number; readonly maxMs?: number }
  /** Calls that may wait for a connection or an answer; also open runs of this instance. @default 100_000 */
  readonly maxPending?: number
  /** Largest body carried. @default 1_048_576 */
  readonly maxPayloadBytes?: number
  /** Tasks that one context of a job/task may hold, running and delayed ones among them; a `send` past it is refused. @default 1_000_000 */
  readonly maxQueued?: number
  /** How long a completion is kept for `attach` and for repeated sends. @default 300_000 */
  readonly resultTtlMs?: number
  /** How long a workgroup that nobody consumes for, and that nothing waits for, is remembered. @default 60_000 */
  readonly groupTtlMs?: number
  /** Dead letters kept per job/task, oldest out first. @default 1_000 */
  readonly maxDeadLetters?: number
}

/** The same with every default in place and nothing of the caller's own but its client and its TLS material. */
export interface ResolvedOptions {
  readonly mode: RedisMode
  readonly target: Target
  readonly prefix: string
  readonly consumerName: string | undefined
  readonly connectTimeoutMs: number
  readonly attemptTimeoutMs: number
  readonly keepAliveMs: number
  readonly backoff: { readonly initialMs: number; readonly maxMs: number }
  readonly maxPending: number
  readonly maxPayloadBytes: number
  readonly maxQueued: number
  readonly resultTtlMs: number
  readonly groupTtlMs: number
  readonly maxDeadLetters: number
}

const modes: ReadonlySet<string> = new Set<RedisMode>(['streams', 'lists', 'pubsub'])

const longestMs = 2 ** 31 - 1

/** Default, least and most of each number. */
const numbers = {
  connectTimeoutMs: [10_000, 1, longestMs],
  attemptTimeoutMs: [5_000, 1, longestMs],
  keepAliveMs: [5_000, 10, longestMs],
  maxPending: [100_000, 1, 10_000_000],
  maxPayloadBytes: [1_048_576, 1, 0x1f00_0000],
  maxQueued: [1_000_000, 1, Number.MAX_SAFE_INTEGER],
  resultTtlMs: [300_000, 1, longestMs],
  groupTtlMs: [60_000, 1_000, longestMs],
  maxDeadLetters: [1_000, 0, 1_000_000],
} as const

const others = [
  'mode',
  'url',
  'client',
  'sentinels',
  'name',
  'sentinelUsername',
  'sentinelPassword',
  'cluster',
  'username',
  'password',
  'tls',
  'db',
  'prefix',
  'consumerName',
  'backoff',
] as const
const known: ReadonlySet<string> = new Set([...others, ...Object.keys(numbers)])

/** Checks all options and fills in the defaults; throws `ERR_AETHER_OPTIONS_INVALID`. */
export function resolveOptions(options: RedisOptions): ResolvedOptions {
  if (typeof options !== 'object' || options === null)
    throw invalidOption('options', 'must be an object', options)
  for (const name of Object.keys(options)) {
    if (!known.has(name)) throw invalidOption(name, 'is unknown; the README lists all', undefined)
  }
  const { mode = 'streams', prefix = 'aether:', consumerName } = options
  if (!modes.has(mode)) throw invalidOption('mode', 'must be streams, lists or pubsub', mode)
  // Keys carry the route in `{…}`, which is what Redis Cluster hashes: a brace before it would win.
  if (typeof prefix !== 'string' || prefix.length > 128 || /[{}\s\p{Cc}*?[\]\\]/u.test(prefix))
    throw invalidOption('prefix', 'must be at most 128 characters without { } [ ] * ? \\ or spaces', prefix)
  if (consumerName !== undefined && !/^[^\s/{}\p{Cc}]{1,128}$/u.test(consumerName))
    throw invalidOption('consumerName', 'must be 1 to 128 characters without / { } or spaces', consumerName)
  return {
    mode,
    target: targetOf(options),
    prefix,
    consumerName,
    ...resolveNumbers(options),
    backoff: resolveBackoff(options.backoff),
  }
}

function resolveNumbers(options: RedisOptions): Record<keyof typeof numbers, number> {
  const resolved: Partial<Record<keyof typeof numbers, number>> = {}
  for (const name of Object.keys(numbers) as (keyof typeof numbers)[]) {
    const [byDefault, least, most] = numbers[name]
    resolved[name] = checkNumber(name, options[name] ?? byDefault, least, most)
  }
  return resolved as Record<keyof typeof numbers, number>
}

function resolveBackoff(backoff: RedisOptions['backoff'] = {}): ResolvedOptions['backoff'] {
  if (typeof backoff !== 'object' || backoff === null)
    throw invalidOption('backoff', 'must be an object', backoff)
  for (const name of Object.keys(backoff)) {
    if (name !== 'initialMs' && name !== 'maxMs')
      throw invalidOption(`backoff.${name}`, 'is unknown', undefined)
  }
  return {
    initialMs: checkNumber('backoff.initialMs', backoff.initialMs ?? 50, 1, longestMs),
    maxMs: checkNumber('backoff.maxMs', backoff.maxMs ?? 5_000, 1, longestMs),
  }
}

function checkNumber(name: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
    return value as number
  throw invalidOption(name, `must be a whole number from ${least} to ${most}`, value)
}

const ways = ['url', 'client', 'sentinels', 'cluster'] as const

function targetOf(options: RedisOptions): Target {
  const given = ways.filter((way) => options[way] !== undefined)
  if (given.length > 1)
    throw invalidOption(given.join(' and '), 'exclude each other: give one of them', undefined)
  const way = given[0] ?? 'url'
  if (options.name !== undefined && way !== 'sentinels')
    throw invalidOption('name', 'goes with sentinels', options.name)
  switch (way) {
    case 'client':
      return clientTarget(options)
    case 'sentinels':
      return sentinelTarget(options)
    case 'cluster':
      return clusterTarget(options)
    default: {
      const { host, port, ...said } = parseUrl(options.url ?? 'redis://127.0.0.1:6379')
      return { kind: 'server', host, port, ...access(options, said) }
    }
  }
}

function clientTarget(options: RedisOptions): Target {
  const { client } = options
  for (const name of ['username', 'password', 'tls', 'db'] as const) {
    if (options[name] !== undefined)
      throw invalidOption(name, 'is what the client itself was made with', undefined)
  }
  if (typeof client?.sendCommand !== 'function' || typeof client.duplicate !== 'function')
    throw invalidOption('client', 'must be a Redis or a Cluster of ioredis', undefined)
  if (client.options.keyPrefix !== undefined && client.options.keyPrefix !== '')
    throw invalidOption('client', 'must have no keyPrefix: use the option prefix instead', undefined)
  return { kind: 'client', client }
}

function sentinelTarget(options: RedisOptions): Target {
  const { name, sentinelUsername, sentinelPassword } = options
  if (typeof name !== 'string' || name === '')
    throw invalidOption('name', 'must say what the Sentinels call the master', name)
  return {
    kind: 'sentinel',
    sentinels: addresses('sentinels', options.sentinels, 26_379),
    name,
    sentinelUsername: text('sentinelUsername', sentinelUsername),
    sentinelPassword: text('sentinelPassword', sentinelPassword),
    ...access(options, {}),
  }
}

function clusterTarget(options: RedisOptions): Target {
  if (options.db !== undefined && options.db !== 0)
    throw invalidOption('db', 'must be 0: a Cluster has one database', options.db)
  return {
    kind: 'cluster',
    nodes: addresses('cluster', options.cluster, 6_379),
    ...access(options, {}),
  }
}

function addresses(name: string, list: unknown, defaultPort: number): readonly Address[] {
  if (!Array.isArray(list) || list.length === 0)
    throw invalidOption(name, 'must be a list of addresses: { host, port } or "host:port"', list)
  return list.map((entry: unknown) => parseAddress(name, entry, defaultPort))
}

/** What an option says counts more than what the URL says. */
function access(options: RedisOptions, said: Partial<Access>): Access {
  const { tls, db = said.db ?? 0 } = options
  if (tls !== undefined && typeof tls !== 'boolean' && (typeof tls !== 'object' || tls === null))
    throw invalidOption('tls', 'must be true, false or options of node:tls', undefined)
  if (tls === false && said.tls !== undefined)
    throw invalidOption('tls', 'is off, but the URL is rediss://', tls)
  return {
    username: text('username', options.username) ?? said.username,
    password: text('password', options.password) ?? said.password,
    tls: typeof tls === 'object' ? { ...tls } : tls === true ? {} : said.tls,
    db: checkNumber('db', db, 0, 1_000_000),
  }
}

function text(name: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value
  throw invalidOption(name, 'must be a string', undefined)
}
