import { LRUCache } from 'lru-cache'
import { clientKey } from '../hash/client-key.ts'

/** What is kept of one client. */
export interface ClientEntry {
  readonly key: string
  /** GCRA: when the next request would come if all came evenly. */
  arrivesAt: number
  /** Requests in the current window and the one before. */
  windowStart: number
  inWindow: number
  inWindowBefore: number
  bannedUntil: number
}

/** Clients by address, IPv6 by /64, at most `limit` of them: who was silent longest is forgotten. */
export class ClientTable {
  /** Handed to every look, or the cache would make an object for each. */
  private readonly lookOptions = {}
  private readonly clients: LRUCache<string, ClientEntry>

  constructor(limit: number) {
    this.clients = new LRUCache({ max: limit })
  }

  get size(): number {
    return this.clients.size
  }

  /** The entry of an address; it becomes the newest. */
  touch(address: string): ClientEntry {
    const key = clientKey(address)
    const found = this.clients.get(key, this.lookOptions)
    if (found !== undefined) return found
    const entry: ClientEntry = {
      key,
      arrivesAt: -Infinity,
      windowStart: -Infinity,
      inWindow: 0,
      inWindowBefore: 0,
      bannedUntil: -Infinity,
    }
    this.clients.set(key, entry)
    return entry
  }
}
