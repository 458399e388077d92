import { createHmac } from 'node:crypto'
import { parseCookie, stringifySetCookie } from 'cookie'
import type { Endpoint } from '../backends/endpoint.ts'
import type { CheckedAffinity } from './affinity-options.ts'

const asItIs = { decode: (text: string): string => text }

/**
 * Cookies that lead to backends. A value is the HMAC-SHA-256 of a backend's id: it tells nobody what the backend is or where it stands, and whoever lacks the
 * secret cannot make one. A cookie is valid exactly if it is one of those given here, which takes one look into a table that is keyed by all of the value:
 * nothing is compared from its start, so how long that takes does not say how much of a guess is right.
 */
export class BackendCookies {
  private readonly byValue = new Map<string, Endpoint>()
  private readonly given = new Map<
    Endpoint,
    { readonly values: readonly string[]; readonly header: string }
  >()
  private readonly options: CheckedAffinity

  constructor(options: CheckedAffinity) {
    this.options = options
  }

  add(endpoint: Endpoint): void {
    const { cookieName, secrets, ttlMs, secure } = this.options
    const values = secrets.map((secret) => sign(secret, endpoint.id))
    for (const value of values) this.byValue.set(value, endpoint)
    const header = stringifySetCookie({
      name: cookieName,
      value: values[0],
      maxAge: Math.ceil(ttlMs / 1_000),
      path: '/',
      httpOnly: true,
      sameSite: 'lax',
      secure,
    })
    this.given.set(endpoint, { values, header })
  }

  remove(endpoint: Endpoint): void {
    for (const value of this.given.get(endpoint)?.values ?? []) this.byValue.delete(value)
    this.given.delete(endpoint)
  }

  /** Where the `Cookie` header of a request leads; of several cookies of the name the first counts. */
  find(header: string): Endpoint | undefined {
    const value = this.valueIn(header)
    return value === undefined ? undefined : this.byValue.get(value)
  }

  /** Whether the client has the cookie that it would get now, and not one of an older secret. */
  isCurrent(header: string, endpoint: Endpoint): boolean {
    return this.options.secrets.length === 1 || this.valueIn(header) === this.given.get(endpoint)?.values[0]
  }

  /** The value of a `Set-Cookie` header; `undefined` for a backend that is gone. */
  headerOf(endpoint: Endpoint): string | undefined {
    return this.given.get(endpoint)?.header
  }

  private valueIn(header: string): string | undefined {
    return parseCookie(header, asItIs)[this.options.cookieName]
  }
}

/** The prefix keeps this apart from whatever else is signed with the same secret. */
function sign(secret: string, id: string): string {
  return createHmac('sha256', secret).update(`aether-lb affinity\0${id}`).digest('base64url')
}
