import { checkBoolean, checkFields, checkMs, checkOneOf, checkText } from '../check-options.ts'
import { invalidOption } from '../errors.ts'
import { checkEntries } from '../limits/rate-limit-options.ts'

/** How requests of one session find the same backend again. */
export interface AffinityOptions {
  /**
   * What a session is known by: `session` the request's `sessionId`, `header` one of its headers, `client-ip` its address (these are remembered here),
   * `cookie` a signed cookie that leads to the backend (remembered by the client alone: a drain cannot wait for such sessions), `hash` the request's `key` (not remembered: the hash decides).
   */
  readonly by: 'session' | 'header' | 'client-ip' | 'cookie' | 'hash'
  /** A session without requests for this long is forgotten; a cookie lasts for this long from when it was given. @default 3_600_000 */
  readonly ttlMs?: number
  /** Sessions to remember; the one that was silent longest makes room. At most 10 million. @default 100_000 */
  readonly maxSessions?: number
  /** `header` only: its name. */
  readonly header?: string
  /** `cookie` only. @default 'aether_lb' */
  readonly cookieName?: string
  /**
   * `cookie` only: signs it; at least 16 characters, the same for all balancers side by side. Of several the first signs and all are accepted, so that a
   * secret can be changed: put the new one in front, and drop the old one after `ttlMs`.
   */
  readonly secret?: string | readonly string[]
  /** `cookie` only: sent over TLS alone. @default true */
  readonly secure?: boolean
}

export interface CheckedAffinity {
  readonly by: AffinityOptions['by']
  readonly ttlMs: number
  readonly maxSessions: number
  readonly header: string
  readonly cookieName: string
  readonly secrets: readonly string[]
  readonly secure: boolean
}

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
  return {
    by,
    ttlMs: checkMs(fields['ttlMs'] ?? 3_600_000, `${path}.ttlMs`),
    maxSessions: checkEntries(fields['maxSessions'] ?? 100_000, `${path}.maxSessions`),
    header: by === 'header' ? checkText(fields['header'], `${path}.header`).toLowerCase() : '',
    cookieName,
    secrets: by === 'cookie' ? checkSecrets(fields['secret'], `${path}.secret`) : [],
    secure: checkBoolean(fields['secure'] ?? true, `${path}.secure`),
  }
}

/** What is no good is told by its length alone. */
function checkSecrets(value: unknown, path: string): readonly string[] {
  if (value === undefined)
    throw invalidOption(`${path} is missing: affinity by cookie needs a text of at least 16 characters`)
  const secrets: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (secrets.length === 0) throw invalidOption(`${path} is an empty array: it must have at least one text`)
  return secrets.map((secret) => {
    if (typeof secret !== 'string') throw invalidOption(`${path} must be a text, or an array of texts`)
    if (secret.length >= 16) return secret
    throw invalidOption(`${path} has ${secret.length} characters: it must have at least 16`)
  })
}
