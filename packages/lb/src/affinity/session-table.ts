import type { Endpoint } from '../backends/endpoint.ts'

interface Session {
  readonly key: string
  endpoint: Endpoint
  expiresAt: number
  newer: Session | undefined
  older: Session | undefined
}

/** Sessions and where they lead, in the order of their last request: so those that are over stand at the end, and forgetting them is cheap. */
export class SessionTable {
  private readonly sessions = new Map<string, Session>()
  private newest: Session | undefined = undefined
  private oldest: Session | undefined = undefined
  /** The one that was found last: who binds it next need not look for it again. */
  private found: Session | undefined = undefined
  private readonly limit: number
  private readonly ttlMs: number

  constructor(limit: number, ttlMs: number) {
    this.limit = limit
    this.ttlMs = ttlMs
  }

  get size(): number {
    return this.sessions.size
  }

  find(key: string, now: number): Endpoint | undefined {
    const session = this.sessions.get(key)
    if (session === undefined) return undefined
    if (now < session.expiresAt) {
      this.found = session
      return session.endpoint
    }
    this.forget(session)
    return undefined
  }

  bind(key: string, endpoint: Endpoint, now: number): void {
    const known = this.found?.key === key ? this.found : this.sessions.get(key)
    if (known !== undefined) {
      if (known.endpoint !== endpoint) {
        known.endpoint.sessions--
        endpoint.sessions++
        known.endpoint = endpoint
      }
      known.expiresAt = now + this.ttlMs
      if (known !== this.newest) {
        this.unlink(known)
        this.link(known)
      }
      return
    }
    if (this.sessions.size >= this.limit && this.oldest !== undefined) this.forget(this.oldest)
    const session = { key, endpoint, expiresAt: now + this.ttlMs, newer: undefined, older: undefined }
    this.sessions.set(key, session)
    this.link(session)
    endpoint.sessions++
  }

  sweep(now: number): void {
    while (this.oldest !== undefined && now >= this.oldest.expiresAt) this.forget(this.oldest)
  }

  removeAll(endpoint: Endpoint): void {
    for (const session of this.sessions.values()) if (session.endpoint === endpoint) this.forget(session)
  }

  private forget(session: Session): void {
    this.sessions.delete(session.key)
    if (session === this.found) this.found = undefined
    this.unlink(session)
    session.endpoint.sessions--
  }

  private link(session: Session): void {
    session.older = this.newest
    session.newer = undefined
    if (this.newest === undefined) this.oldest = session
    else this.newest.newer = session
    this.newest = session
  }

  private unlink(session: Session): void {
    if (session.newer === undefined) this.newest = session.older
    else session.newer.older = session.older
    if (session.older === undefined) this.oldest = session.newer
    else session.older.newer = session.newer
  }
}
