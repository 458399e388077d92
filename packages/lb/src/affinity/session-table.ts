import { LRUCache } from 'lru-cache'
import type { Endpoint } from '../backends/endpoint.ts'
import { boundedKey } from '../hash/bounded-key.ts'

interface Session {
  endpoint: Endpoint
  expiresAt: number
}

/** Sessions and where they lead, in the order of their last request: so those that are over stand at the end, and forgetting them is cheap. */
export class SessionTable {
  /** Handed to every look, or the cache would make an object for each. */
  private readonly lookOptions = {}
  private readonly sessions: LRUCache<string, Session>
  /** What was looked for last, and what was found: who binds it next need not look again. */
  private soughtKey: string | undefined = undefined
  private found: Session | undefined = undefined
  private readonly ttlMs: number

  constructor(limit: number, ttlMs: number) {
    this.ttlMs = ttlMs
    // Expiry is not left to the cache: it would read a clock of its own.
    this.sessions = new LRUCache({ max: limit, dispose: ({ endpoint }) => endpoint.sessions-- })
  }

  get size(): number {
    return this.sessions.size
  }

  /** Where a session leads. It is no longer silent: whoever asks has a request of it. */
  find(text: string, now: number): Endpoint | undefined {
    const key = boundedKey(text)
    const session = this.sessions.get(key, this.lookOptions)
    this.soughtKey = key
    this.found = session
    if (session === undefined) return undefined
    if (now < session.expiresAt) {
      session.expiresAt = now + this.ttlMs
      return session.endpoint
    }
    this.sessions.delete(key)
    this.found = undefined
    return undefined
  }

  bind(text: string, endpoint: Endpoint, now: number): void {
    const key = boundedKey(text)
    const known = key === this.soughtKey ? this.found : this.sessions.get(key)
    endpoint.sessions++
    if (known !== undefined) {
      known.endpoint.sessions--
      known.endpoint = endpoint
      known.expiresAt = now + this.ttlMs
      return
    }
    this.sessions.set(key, { endpoint, expiresAt: now + this.ttlMs })
    this.soughtKey = undefined
  }

  sweep(now: number): void {
    for (const key of this.sessions.rkeys()) {
      const session = this.sessions.peek(key)
      if (session !== undefined && now < session.expiresAt) return
      this.forget(key)
    }
  }

  removeAll(endpoint: Endpoint): void {
    const gone: string[] = []
    for (const [key, session] of this.sessions.entries()) if (session.endpoint === endpoint) gone.push(key)
    for (const key of gone) this.forget(key)
  }

  private forget(key: string): void {
    this.sessions.delete(key)
    this.soughtKey = undefined
    this.found = undefined
  }
}
