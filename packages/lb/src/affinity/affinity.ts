import { createHmac } from 'node:crypto'
import type { Endpoint } from '../backends/endpoint.ts'
import { checkBoolean, checkCount, checkFields, checkMs, checkOneOf, checkText } from '../check-options.ts'
import { invalidOption } from '../errors.ts'
import type { LbRequest } from '../requests/request.ts'
import { SessionTable } from './session-table.ts'

export interface AffinityOptions {
  /**
   * What a session is known by: `session` the request's `sessionId`, `header` one of its headers, `client-ip` its address (these are remembered here),
   * `cookie` a signed cookie that names the backend (remembered by the client), `hash` the request's `key` (not remembered: the hash decides).
   */
  readonly by: 'session' | 'header' | 'client-ip' | 'cookie' | 'hash'
  /** A session without requests for this long is forgotten. @default 3_600_000 */
  readonly ttlMs?: number
  /** Sessions to remember; the one that was silent longest makes room. @default 100_000 */
  readonly maxSessions?: number
  /** `header` only: its name. */
  readonly header?: string
  /** `cookie` only. @default 'aether_lb' */
  readonly cookieName?: string
  /** `cookie` only: signs it; at least 16 characters, the same for all balancers side by side. */
  readonly secret?: string
  /** `cookie` only: sent over TLS alone. @default true */
  readonly secure?: boolean
}

export type CheckedAffinity = Required<AffinityOptions>

const kinds = ['session', 'header', 'client-ip', 'cookie', 'hash'] as const

export function checkAffinity(options: AffinityOptions, path = 'affinity'): CheckedAffinity {
  const fields = checkFields(options, path, [
    'by',
    'ttlMs',
    'maxSessions',
    'header',
    'cookieName',
    'secret',
    'secure',
  ])
  const by = checkOneOf(fields['by'], `${path}.by`, kinds)
  const cookieName = checkText(fields['cookieName'] ?? 'aether_lb', `${path}.cookieName`)
  if (!/^[!#$%&'*+.^`|~\w-]+$/.test(cookieName))
    throw invalidOption(`${path}.cookieName has characters that a cookie's name must not have`)
  const secret = by === 'cookie' ? checkText(fields['secret'], `${path}.secret`) : ''
  if (by === 'cookie' && secret.length < 16)
    throw invalidOption(`${path}.secret has ${secret.length} characters: it must have at least 16`)
  return {
    by,
    ttlMs: checkMs(fields['ttlMs'] ?? 3_600_000, `${path}.ttlMs`),
    maxSessions: checkCount(fields['maxSessions'] ?? 100_000, `${path}.maxSessions`),
    header: by === 'header' ? checkText(fields['header'], `${path}.header`).toLowerCase() : '',
    cookieName,
    secret,
    secure: checkBoolean(fields['secure'] ?? true, `${path}.secure`),
  }
}

/** Leads requests of one session to one backend. It only proposes: whether the backend takes requests now is for the selector to say. */
export class Affinity {
  readonly by: CheckedAffinity['by']
  private readonly options: CheckedAffinity
  private readonly sessions: SessionTable
  /** Signed values of all backends: a cookie is valid exactly if it is one of them. */
  private readonly byCookie = new Map<string, Endpoint>()
  private readonly cookies = new Map<Endpoint, string>()

  constructor(options: CheckedAffinity) {
    this.by = options.by
    this.options = options
    this.sessions = new SessionTable(options.maxSessions, options.ttlMs)
  }

  /** Sessions that are remembered. */
  get size(): number {
    return this.sessions.size
  }

  add(endpoint: Endpoint): void {
    if (this.by !== 'cookie') return
    const { cookieName, secret, ttlMs, secure } = this.options
    const signature = createHmac('sha256', secret).update(endpoint.id).digest('base64url')
    const value = `${Buffer.from(endpoint.id).toString('base64url')}.${signature}`
    this.byCookie.set(value, endpoint)
    const flags = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
    this.cookies.set(endpoint, `${cookieName}=${value}; Max-Age=${Math.ceil(ttlMs / 1_000)}; ${flags}`)
  }

  /** Forgets a backend that is gone, with all sessions that led to it. */
  remove(endpoint: Endpoint): void {
    this.sessions.removeAll(endpoint)
    this.cookies.delete(endpoint)
    for (const [value, owner] of this.byCookie) if (owner === endpoint) this.byCookie.delete(value)
  }

  find(request: LbRequest, now: number): Endpoint | undefined {
    if (this.by === 'cookie') {
      const value =
        request.cookie === undefined ? undefined : cookieOf(request.cookie, this.options.cookieName)
      return value === undefined ? undefined : this.byCookie.get(value)
    }
    const key = this.keyOf(request)
    return key === undefined ? undefined : this.sessions.find(key, now)
  }

  /** Remembers where a session went; the `Set-Cookie` header where that is for the client to do. */
  bind(request: LbRequest, endpoint: Endpoint, now: number): string | undefined {
    if (this.by === 'cookie') return this.cookies.get(endpoint)
    const key = this.keyOf(request)
    if (key !== undefined && !endpoint.isRemoved) this.sessions.bind(key, endpoint, now)
    return undefined
  }

  /** Forgets sessions that were silent too long. */
  sweep(now: number): void {
    this.sessions.sweep(now)
  }

  private keyOf(request: LbRequest): string | undefined {
    if (this.by === 'session') return request.sessionId
    if (this.by === 'client-ip') return request.clientIp
    if (this.by !== 'header') return undefined
    const value = request.headers?.[this.options.header]
    return typeof value === 'string' ? value : value?.[0]
  }
}

/** The value of one cookie in a `Cookie` header. */
function cookieOf(header: string, name: string): string | undefined {
  let from = 0
  while (from < header.length) {
    const semicolon = header.indexOf(';', from)
    const end = semicolon < 0 ? header.length : semicolon
    while (header[from] === ' ') from++
    if (header.startsWith(name, from) && header[from + name.length] === '=')
      return header.slice(from + name.length + 1, end).trim()
    from = end + 1
  }
  return undefined
}
