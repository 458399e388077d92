import type { Cluster, Redis } from 'ioredis'
import type { ConnectionOptions } from 'node:tls'
import { invalidOption } from './errors.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** How a connection to any of the servers is made. */
export interface Access {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly tls: ConnectionOptions | undefined
  readonly db: number
}

export type ServerTarget = { readonly kind: 'server' } & Address & Access

export interface SentinelTarget extends Access {
  readonly kind: 'sentinel'
  readonly sentinels: readonly Address[]
  readonly name: string
  readonly sentinelUsername: string | undefined
  readonly sentinelPassword: string | undefined
}

export interface ClusterTarget extends Access {
  readonly kind: 'cluster'
  readonly nodes: readonly Address[]
}

export interface ClientTarget {
  readonly kind: 'client'
  readonly client: Redis | Cluster
}

/** What a link leads to. */
export type Target = ServerTarget | SentinelTarget | ClusterTarget | ClientTarget

/** Takes a `redis:` or `rediss:` URL apart; what it says wrongly is never repeated, since it may hold a password. */
export function parseUrl(url: unknown): Address & Access {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:'))
    throw invalidOption('url', 'must be redis://host:port or rediss://host:port', undefined)
  if (parsed.hostname === '') throw invalidOption('url', 'names no host', undefined)
  if (parsed.search !== '' || parsed.hash !== '')
    throw invalidOption('url', 'must have no query: use the options instead', undefined)
  const path = parsed.pathname.replace(/^\//, '')
  if (!/^\d{0,6}$/.test(path))
    throw invalidOption('url', 'must end with the number of a database, or without a path', undefined)
  return {
    // The brackets of an IPv6 address belong to the URL.
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? 6_379 : Number(parsed.port),
    username: decoded(parsed.username),
    password: decoded(parsed.password),
    tls: parsed.protocol === 'rediss:' ? {} : undefined,
    db: Number(path),
  }
}

function decoded(part: string): string | undefined {
  if (part === '') return undefined
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalidOption('url', 'has credentials that are not percent-encoded', undefined)
  }
}

/** `{ host, port }`, `host:port`, `[ipv6]:port` or a URL without credentials. */
export function parseAddress(name: string, entry: unknown, defaultPort: number): Address {
  const { host, port } = typeof entry === 'string' ? split(name, entry) : fields(entry)
  if (typeof host !== 'string' || host === '')
    throw invalidOption(name, 'must be a list of addresses: { host, port } or "host:port"', undefined)
  const number = port ?? defaultPort
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw invalidOption(name, 'has a port that is not from 1 to 65535', port)
  return { host, port: number }
}

function fields(entry: unknown): Partial<Address> {
  return typeof entry === 'object' && entry !== null ? entry : {}
}

function split(name: string, entry: string): Partial<Address> {
  if (entry.includes('://')) {
    const { host, port, username, password } = parseUrl(entry)
    if (username !== undefined || password !== undefined)
      throw invalidOption(name, 'holds credentials: use the options username and password', undefined)
    return { host, port }
  }
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(entry)
  const host = match?.[1] ?? match?.[2]
  if (host === undefined) return {}
  return match?.[3] === undefined ? { host } : { host, port: Number(match[3]) }
}
