import { checkCount, checkFields, checkFunction, checkMs, checkNumber } from '../check-options.ts'
import { invalidOption } from '../errors.ts'
import type { LbRequest } from '../requests/request.ts'

/** A rate with a burst. */
export interface RateOptions {
  /** Requests per second on average. */
  readonly requestsPerSecond: number
  /** How many may come at once. @default 1.5 × `requestsPerSecond` */
  readonly burst?: number
}

/** A rate for each key that a function finds in a request. */
export interface KeyRateOptions extends RateOptions {
  /** What a request is counted by, such as its API key; one that gives `undefined` is not limited by this, and one for which it throws is refused with that. */
  readonly key: (request: LbRequest) => string | undefined
}

/** How much may come: of all, of one client, of one key; and what is a flood. */
export interface RateLimitOptions extends Partial<RateOptions> {
  /** For each client address, IPv6 by /64; requests without `clientIp` are not limited by this. @default no limit */
  readonly perClient?: RateOptions
  /** For each key of your own, such as an API key. @default no limit */
  readonly perKey?: KeyRateOptions
  /** More requests of one client within a second, refused ones included, are a flood. @default 5_000 */
  readonly floodThreshold?: number
  /** How long a client that floods is refused without another look. @default 60_000 */
  readonly floodBanMs?: number
  /** Clients to remember, and as many keys; the one that was silent longest makes room. At most 10 million. @default 10_000 */
  readonly maxClients?: number
}

export interface CheckedRateLimit {
  readonly all: Required<RateOptions> | undefined
  readonly perClient: Required<RateOptions> | undefined
  readonly perKey: Required<KeyRateOptions> | undefined
  readonly floodThreshold: number
  readonly floodBanMs: number
  readonly maxClients: number
}

/** Tables take the memory of all their places at once. */
const mostEntries = 10_000_000

export function checkRateLimit(options: RateLimitOptions, path = 'rateLimit'): CheckedRateLimit {
  const fields = checkFields(options, path, [
    'requestsPerSecond',
    'burst',
    'perClient',
    'perKey',
    'floodThreshold',
    'floodBanMs',
    'maxClients',
  ])
  const { requestsPerSecond, burst, perClient, perKey } = options
  if (requestsPerSecond === undefined && burst !== undefined)
    throw invalidOption(`${path}.burst needs ${path}.requestsPerSecond: give both, or neither`)
  return {
    all: requestsPerSecond === undefined ? undefined : checkRate(requestsPerSecond, burst, path),
    perClient: perClient === undefined ? undefined : checkPerClient(perClient, `${path}.perClient`),
    perKey: perKey === undefined ? undefined : checkPerKey(perKey, `${path}.perKey`),
    floodThreshold: checkCount(fields['floodThreshold'] ?? 5_000, `${path}.floodThreshold`),
    floodBanMs: checkMs(fields['floodBanMs'] ?? 60_000, `${path}.floodBanMs`),
    maxClients: checkEntries(fields['maxClients'] ?? 10_000, `${path}.maxClients`),
  }
}

/** How many entries a table may hold. */
export function checkEntries(value: unknown, path: string): number {
  return checkNumber(value, path, { min: 1, max: mostEntries, integer: true })
}

function checkPerClient(options: RateOptions, path: string): Required<RateOptions> {
  checkFields(options, path, ['requestsPerSecond', 'burst'])
  return checkRate(options.requestsPerSecond, options.burst, path)
}

function checkPerKey(options: KeyRateOptions, path: string): Required<KeyRateOptions> {
  checkFields(options, path, ['key', 'requestsPerSecond', 'burst'])
  checkFunction(options.key, `${path}.key`)
  return { ...checkRate(options.requestsPerSecond, options.burst, path), key: options.key }
}

function checkRate(perSecond: unknown, burst: unknown, path: string): Required<RateOptions> {
  const requestsPerSecond = checkNumber(perSecond, `${path}.requestsPerSecond`, { above: true, max: 1e9 })
  const fallback = Math.max(1, Math.ceil(requestsPerSecond * 1.5))
  return {
    requestsPerSecond,
    burst: checkNumber(burst ?? fallback, `${path}.burst`, { min: 1, max: 1.5e9, integer: true }),
  }
}
