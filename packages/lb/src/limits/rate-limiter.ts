import { checkCount, checkFields, checkMs, checkNumber } from '../check-options.ts'
import { LbError } from '../errors.ts'
import { type ClientEntry, ClientTable } from './client-table.ts'
import { Gcra } from './gcra.ts'

export interface RateLimitOptions {
  /** Requests per second on average, of all clients together. @default no limit */
  readonly requestsPerSecond?: number
  /** How many may come at once. @default 1.5 × `requestsPerSecond` */
  readonly burst?: number
  /** The same for each client. @default no limit */
  readonly perClient?: { readonly requestsPerSecond: number; readonly burst?: number }
  /** More requests of one client within a second, refused ones included, are a flood. @default 5_000 */
  readonly floodThreshold?: number
  /** How long a client that floods is refused without another look. @default 60_000 */
  readonly floodBanMs?: number
  /** Clients to remember; the one that was silent longest makes room. @default 10_000 */
  readonly maxClients?: number
}

interface CheckedLimit {
  readonly requestsPerSecond: number
  readonly burst: number
}

export interface CheckedRateLimit {
  readonly all: CheckedLimit | undefined
  readonly perClient: CheckedLimit | undefined
  readonly floodThreshold: number
  readonly floodBanMs: number
  readonly maxClients: number
}

export function checkRateLimit(options: RateLimitOptions, path = 'rateLimit'): CheckedRateLimit {
  const fields = checkFields(options, path, [
    'requestsPerSecond',
    'burst',
    'perClient',
    'floodThreshold',
    'floodBanMs',
    'maxClients',
  ])
  const { requestsPerSecond, burst, perClient } = options
  if (requestsPerSecond === undefined && burst !== undefined)
    checkNumber(requestsPerSecond, `${path}.requestsPerSecond`)
  if (perClient !== undefined) checkFields(perClient, `${path}.perClient`, ['requestsPerSecond', 'burst'])
  return {
    all: requestsPerSecond === undefined ? undefined : checkLimit(requestsPerSecond, burst, path),
    perClient:
      perClient === undefined
        ? undefined
        : checkLimit(perClient.requestsPerSecond, perClient.burst, `${path}.perClient`),
    floodThreshold: checkCount(fields['floodThreshold'] ?? 5_000, `${path}.floodThreshold`),
    floodBanMs: checkMs(fields['floodBanMs'] ?? 60_000, `${path}.floodBanMs`),
    maxClients: checkCount(fields['maxClients'] ?? 10_000, `${path}.maxClients`),
  }
}

function checkLimit(perSecond: unknown, burst: unknown, path: string): CheckedLimit {
  const requestsPerSecond = checkNumber(perSecond, `${path}.requestsPerSecond`, { above: true, max: 1e9 })
  const fallback = Math.max(1, Math.ceil(requestsPerSecond * 1.5))
  return {
    requestsPerSecond,
    burst: checkNumber(burst ?? fallback, `${path}.burst`, { min: 1, max: 1e9, integer: true }),
  }
}

const windowMs = 1_000

/** Refuses what comes too fast: a client that floods, a client above its rate, everyone above the rate of all. */
export class RateLimiter {
  private readonly options: CheckedRateLimit
  private readonly all: Gcra | undefined
  private readonly clients: ClientTable
  private readonly onFlood: (client: string) => void

  constructor(options: CheckedRateLimit, onFlood: (client: string) => void) {
    this.options = options
    this.all = options.all && new Gcra(options.all.requestsPerSecond, options.all.burst)
    this.clients = new ClientTable(options.maxClients)
    this.onFlood = onFlood
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.clients.size
  }

  /** The error to refuse with, or `undefined` to let it pass. */
  refuse(clientIp: string | undefined, now: number): LbError | undefined {
    const client = clientIp === undefined ? undefined : this.clients.touch(clientIp)
    if (client !== undefined) {
      if (this.isFlood(client, now)) return limited('this client floods', client.bannedUntil - now, 'flood')
      const waitMs = this.takeOfClient(client, now)
      if (waitMs > 0) return limited('this client sends too fast', waitMs, 'client')
    }
    const waitMs = this.all?.take(now) ?? 0
    if (waitMs === 0) return undefined
    // What the rate of all refuses must not use up what the client may send.
    if (client !== undefined && this.options.perClient !== undefined)
      client.arrivesAt -= 1_000 / this.options.perClient.requestsPerSecond
    return limited('requests come faster than the limit', waitMs, 'all')
  }

  /** Counts over a sliding second: the current window, and of the one before as much as still lies in that second. */
  private isFlood(client: ClientEntry, now: number): boolean {
    const { floodThreshold, floodBanMs } = this.options
    if (now < client.bannedUntil) return true
    const elapsed = now - client.windowStart
    if (elapsed >= windowMs) {
      client.inWindowBefore = elapsed < windowMs * 2 ? client.inWindow : 0
      client.inWindow = 0
      client.windowStart = elapsed < windowMs * 2 ? client.windowStart + windowMs : now
    }
    client.inWindow++
    const overlap = 1 - (now - client.windowStart) / windowMs
    if (client.inWindow + client.inWindowBefore * overlap <= floodThreshold) return false
    client.bannedUntil = now + floodBanMs
    this.onFlood(client.key)
    return true
  }

  private takeOfClient(client: ClientEntry, now: number): number {
    const { perClient } = this.options
    if (perClient === undefined) return 0
    const gapMs = 1_000 / perClient.requestsPerSecond
    const expected = Math.max(client.arrivesAt, now)
    const waitMs = expected - gapMs * (perClient.burst - 1) - now
    if (waitMs > gapMs * 1e-6) return waitMs
    client.arrivesAt = expected + gapMs
    return 0
  }
}

function limited(what: string, waitMs: number, scope: 'flood' | 'client' | 'all'): LbError {
  const retryAfterMs = Math.ceil(waitMs)
  return new LbError('ERR_AETHER_RATE_LIMITED', `${what}: try again in ${retryAfterMs} ms`, {
    retryable: true,
    detail: { scope, retryAfterMs },
  })
}
