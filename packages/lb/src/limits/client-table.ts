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
  newer: ClientEntry | undefined
  older: ClientEntry | undefined
}

/** Clients by address, IPv6 by /64, at most `limit` of them: who was silent longest is forgotten. */
export class ClientTable {
  private readonly entries = new Map<string, ClientEntry>()
  private newest: ClientEntry | undefined = undefined
  private oldest: ClientEntry | undefined = undefined
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  get size(): number {
    return this.entries.size
  }

  /** The entry of an address; it becomes the newest. */
  touch(address: string): ClientEntry {
    const key = clientKey(address)
    const found = this.entries.get(key)
    if (found !== undefined) {
      if (found !== this.newest) {
        this.unlink(found)
        this.link(found)
      }
      return found
    }
    if (this.entries.size >= this.limit && this.oldest !== undefined) {
      this.entries.delete(this.oldest.key)
      this.unlink(this.oldest)
    }
    const entry: ClientEntry = {
      key,
      arrivesAt: -Infinity,
      windowStart: -Infinity,
      inWindow: 0,
      inWindowBefore: 0,
      bannedUntil: -Infinity,
      newer: undefined,
      older: undefined,
    }
    this.entries.set(key, entry)
    this.link(entry)
    return entry
  }

  private link(entry: ClientEntry): void {
    entry.older = this.newest
    entry.newer = undefined
    if (this.newest === undefined) this.oldest = entry
    else this.newest.newer = entry
    this.newest = entry
  }

  private unlink(entry: ClientEntry): void {
    if (entry.newer === undefined) this.newest = entry.older
    else entry.newer.older = entry.older
    if (entry.older === undefined) this.oldest = entry.newer
    else entry.older.newer = entry.newer
  }
}
