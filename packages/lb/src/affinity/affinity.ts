import type { Endpoint } from '../backends/endpoint.ts'
import type { LbRequest } from '../requests/request.ts'
import type { CheckedAffinity } from './affinity-options.ts'
import { BackendCookies } from './backend-cookies.ts'
import { SessionTable } from './session-table.ts'

/** Leads requests of one session to one backend. It only proposes: whether the backend takes requests now is for the selector to say. */
export class Affinity {
  readonly by: CheckedAffinity['by']
  private readonly header: string
  private readonly sessions: SessionTable
  private readonly cookies: BackendCookies | undefined

  constructor(options: CheckedAffinity) {
    this.by = options.by
    this.header = options.header
    const keeps = options.by !== 'cookie' && options.by !== 'hash'
    this.sessions = new SessionTable(keeps ? options.maxSessions : 1, options.ttlMs)
    this.cookies = options.by === 'cookie' ? new BackendCookies(options) : undefined
  }

  /** Sessions that are remembered. */
  get size(): number {
    return this.sessions.size
  }

  add(endpoint: Endpoint): void {
    this.cookies?.add(endpoint)
  }

  /** Forgets a backend that is gone, with all sessions that led to it. */
  remove(endpoint: Endpoint): void {
    this.sessions.removeAll(endpoint)
    this.cookies?.remove(endpoint)
  }

  find(request: LbRequest, now: number): Endpoint | undefined {
    if (this.cookies !== undefined)
      return request.cookie === undefined ? undefined : this.cookies.find(request.cookie)
    const key = this.keyOf(request)
    return key === undefined ? undefined : this.sessions.find(key, now)
  }

  /** Remembers where a session went; the `Set-Cookie` header where that is for the client to do. */
  bind(request: LbRequest, endpoint: Endpoint, now: number): string | undefined {
    if (this.cookies !== undefined) return this.cookies.headerOf(endpoint)
    const key = this.keyOf(request)
    if (key !== undefined && !endpoint.isRemoved) this.sessions.bind(key, endpoint, now)
    return undefined
  }

  /** A `Set-Cookie` header for a client that came with a cookie of an older secret. */
  renew(request: LbRequest, endpoint: Endpoint): string | undefined {
    if (this.cookies === undefined || request.cookie === undefined) return undefined
    return this.cookies.isCurrent(request.cookie, endpoint) ? undefined : this.cookies.headerOf(endpoint)
  }

  /** Forgets sessions that were silent too long. */
  sweep(now: number): void {
    this.sessions.sweep(now)
  }

  private keyOf(request: LbRequest): string | undefined {
    const key = this.textOf(request)
    // An empty id is none: otherwise all clients without one would share a session.
    return key === '' ? undefined : key
  }

  private textOf(request: LbRequest): string | undefined {
    if (this.by === 'session') return request.sessionId
    if (this.by === 'client-ip') return request.clientIp
    if (this.by !== 'header') return undefined
    const value = request.headers?.[this.header]
    return typeof value === 'string' ? value : value?.[0]
  }
}
