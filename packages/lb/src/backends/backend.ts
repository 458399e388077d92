import { checkCount, checkFields, checkNumber, checkText, checkTexts, type Fields } from '../check-options.ts'
import { invalidOption } from '../errors.ts'
import type { BreakerState } from '../health/circuit-breaker.ts'
import { authorityOf, checkHost } from './host.ts'

/** What active checks found: `unknown` before the first one, `degraded` takes traffic, but less; `unhealthy` none outside panic. */
export type Health = 'unknown' | 'healthy' | 'degraded' | 'unhealthy'

/** What a backend is: where it is, how much it takes, and what it can do. */
export interface BackendOptions {
  /** Stable and unique: hashing goes by it. @default `host:port` */
  readonly id?: string
  /** A name or an address. */
  readonly host: string
  /** 1 to 65535. */
  readonly port: number
  /** What it is called where `host` is but an address: for `Host` headers and certificates. @default `host` */
  readonly hostname?: string
  /** Share of the traffic relative to the others, 0.000001 to 1e9. @default 1 */
  readonly weight?: number
  /** Requests at a time. @default 1000 */
  readonly maxConnections?: number
  /** Higher is preferred; lower levels take over as those above them fail. @default 0 */
  readonly priority?: number
  readonly zone?: string
  /** The replica group that it counts in. */
  readonly group?: string
  /** What it can do, such as `quantum`: requests may require it. */
  readonly capabilities?: readonly string[]
  /** For its owner; the balancer only hands it on. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

type Changeable = Partial<Omit<BackendOptions, 'id' | 'host' | 'port' | 'hostname'>>

/** What `update` may change in place; id, host, port and hostname make a backend what it is. */
export interface BackendChange extends Omit<Changeable, 'zone' | 'group'> {
  /** `null`: in no zone any more. */
  readonly zone?: string | null
  /** `null`: in no replica group any more. */
  readonly group?: string | null
}

/** One backend as strategies, attempts and metrics see it; live, never to be changed from outside. */
export interface Backend {
  readonly id: string
  /** A name, or an address: IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** The name that its address was resolved from, or its `host`. */
  readonly hostname: string
  readonly weight: number
  readonly maxConnections: number
  readonly priority: number
  readonly zone: string | undefined
  readonly group: string | undefined
  readonly capabilities: readonly string[]
  readonly metadata: Readonly<Record<string, unknown>>
  /** 32-bit hash of the id. */
  readonly key: number
  /** Requests under way. */
  readonly active: number
  /** The weight as it counts now: less while it starts slowly or is degraded. */
  readonly effectiveWeight: number
  readonly health: Health
  readonly breakerState: BreakerState
  readonly isDraining: boolean
  /** Ejected as an outlier. */
  readonly isEjected: boolean
  /** Decayed peak estimate of its latency in milliseconds, with the age of its oldest request; 0 where nothing is known. */
  expectedMs(now: number): number
  /** The estimate of a request that would join now: latency times those under way, over the weight. */
  expectedLoad(now: number): number
}

export type CheckedBackend = Required<Omit<BackendOptions, 'zone' | 'group'>> & {
  readonly zone: string | undefined
  readonly group: string | undefined
}

const changeable = ['weight', 'maxConnections', 'priority', 'zone', 'group', 'capabilities', 'metadata']
const fixed = ['id', 'host', 'port', 'hostname']
/** What a backend need not have: a change takes it away with `null`. */
const places = ['zone', 'group'] as const
const keys = [...fixed, ...changeable]

/** A copy with every default, or `ERR_AETHER_OPTIONS_INVALID`. */
export function checkBackend(options: BackendOptions, path = 'backend'): CheckedBackend {
  const fields = checkFields(options, path, keys)
  const host = checkHost(fields['host'], `${path}.host`)
  const port = checkNumber(fields['port'], `${path}.port`, { min: 1, max: 65_535, integer: true })
  const hostname = fields['hostname'] === undefined ? host : checkHost(fields['hostname'], `${path}.hostname`)
  const id = fields['id'] === undefined ? authorityOf(host, port) : checkText(fields['id'], `${path}.id`)
  return { ...defaults, ...checkChange(fields, path), id, host, port, hostname }
}

const defaults = {
  weight: 1,
  maxConnections: 1_000,
  priority: 0,
  zone: undefined,
  group: undefined,
  capabilities: [],
  metadata: {},
}

export function checkUpdate(change: BackendChange, path = 'change'): BackendChange {
  const fields = { ...checkFields(change, path, keys) }
  const wrong = fixed.find((key) => key in fields)
  if (wrong !== undefined)
    throw invalidOption(`${path}.${wrong} cannot change: remove the backend and add another`)
  const left = places.filter((place) => fields[place] === null)
  for (const place of left) delete fields[place]
  return { ...checkChange(fields, path), ...Object.fromEntries(left.map((place) => [place, null])) }
}

/** A checked change as a backend holds it: `undefined` for what it takes away. */
export function fieldsOf({ zone, group, ...others }: BackendChange): Partial<CheckedBackend> {
  return {
    ...others,
    ...(zone !== undefined && { zone: zone ?? undefined }),
    ...(group !== undefined && { group: group ?? undefined }),
  }
}

/** Beyond these, shares of the traffic are nothing that can be told apart, and sums of weights lose the small ones. */
const weights = { min: 1e-6, max: 1e9 }

function checkChange(fields: Fields, path: string): Changeable {
  const at = (key: string): string => `${path}.${key}`
  const { weight, maxConnections, priority, zone, group, capabilities, metadata } = fields
  return {
    ...(weight !== undefined && { weight: checkNumber(weight, at('weight'), weights) }),
    ...(maxConnections !== undefined && { maxConnections: checkCount(maxConnections, at('maxConnections')) }),
    ...(priority !== undefined && {
      priority: checkNumber(priority, at('priority'), { min: -1_000_000, max: 1_000_000, integer: true }),
    }),
    ...(zone !== undefined && { zone: checkText(zone, at('zone')) }),
    ...(group !== undefined && { group: checkText(group, at('group')) }),
    ...(capabilities !== undefined && { capabilities: [...checkTexts(capabilities, at('capabilities'))] }),
    ...(metadata !== undefined && { metadata: { ...checkMetadata(metadata, at('metadata')) } }),
  }
}

function checkMetadata(value: unknown, path: string): Fields {
  return checkFields(value, path, typeof value === 'object' && value !== null ? Object.keys(value) : [])
}
