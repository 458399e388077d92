import { LRUCache } from 'lru-cache'
import { show } from '../check-options.ts'
import { invalidOption, LbError } from '../errors.ts'
import { boundedKey } from '../hash/bounded-key.ts'
import type { LbRequest } from '../requests/request.ts'
import { type ClientEntry, ClientTable } from './client-table.ts'
import { Gcra } from './gcra.ts'
import type { CheckedRateLimit, RateOptions } from './rate-limit-options.ts'

const windowMs = 1_000

/** What is kept of one key. */
interface KeyEntry {
  arrivesAt: number
}

/**
 * Refuses what comes too fast: a client that floods, a client or a key above its rate, everyone above the rate of all. What one of them refuses uses nothing
 * up at the others.
 */
export class RateLimiter {
  private readonly options: CheckedRateLimit
  private readonly all: Gcra | undefined
  private allArrivesAt = -Infinity
  private readonly perClient: Gcra | undefined
  private readonly clients: ClientTable
  private readonly perKey: Gcra | undefined
  private readonly keys: LRUCache<string, KeyEntry> | undefined
  private readonly onFlood: (client: string) => void

  constructor(options: CheckedRateLimit, onFlood: (client: string) => void) {
    this.options = options
    this.all = gcra(options.all)
    this.perClient = gcra(options.perClient)
    this.clients = new ClientTable(options.maxClients)
    this.perKey = gcra(options.perKey)
    this.keys = options.perKey && new LRUCache({ max: options.maxClients })
    this.onFlood = onFlood
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.clients.size
  }

  /** The error to refuse with, or `undefined` to let it pass. */
  refuse(request: LbRequest, now: number): LbError | undefined {
    const { clientIp } = request
    const client = clientIp === undefined || clientIp === '' ? undefined : this.clients.touch(clientIp)
    if (client !== undefined && this.isFlood(client, now))
      return limited(`client ${client.key} floods`, client.bannedUntil - now, 'flood')
    const keyed = this.perKey === undefined ? undefined : this.keyed(request)

    const clientWaitMs = client === undefined ? 0 : (this.perClient?.waitMs(client.arrivesAt, now) ?? 0)
    if (clientWaitMs > 0) return limited(`client ${client?.key} sends too fast`, clientWaitMs, 'client')
    const keyWaitMs = keyed === undefined ? 0 : (this.perKey?.waitMs(keyed.arrivesAt, now) ?? 0)
    // Which key it was stays untold: it may be a secret.
    if (keyWaitMs > 0) return limited('requests of this key come too fast', keyWaitMs, 'key')
    const allWaitMs = this.all?.waitMs(this.allArrivesAt, now) ?? 0
    if (allWaitMs > 0) return limited('requests come faster than the limit of all', allWaitMs, 'all')

    if (this.all !== undefined) this.allArrivesAt = this.all.pass(this.allArrivesAt, now)
    if (client !== undefined && this.perClient !== undefined)
      client.arrivesAt = this.perClient.pass(client.arrivesAt, now)
    if (keyed !== undefined && this.perKey !== undefined)
      keyed.arrivesAt = this.perKey.pass(keyed.arrivesAt, now)
    return undefined
  }

  private keyed(request: LbRequest): KeyEntry | undefined {
    const given = this.options.perKey?.key(request)
    if (given === undefined) return undefined
    if (typeof given !== 'string')
      throw invalidOption(`rateLimit.perKey.key must give a text or undefined, not ${show(given)}`)
    const key = boundedKey(given)
    const found = this.keys?.get(key)
    if (found !== undefined) return found
    const entry = { arrivesAt: -Infinity }
    this.keys?.set(key, entry)
    return entry
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
}

function gcra(rate: Required<RateOptions> | undefined): Gcra | undefined {
  return rate && new Gcra(rate.requestsPerSecond, rate.burst)
}

function limited(what: string, waitMs: number, scope: 'flood' | 'client' | 'key' | 'all'): LbError {
  const retryAfterMs = Math.ceil(waitMs)
  return new LbError('ERR_AETHER_RATE_LIMITED', `${what}: try again in ${retryAfterMs} ms`, {
    retryable: true,
    detail: { scope, retryAfterMs },
  })
}
