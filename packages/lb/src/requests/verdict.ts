/** What one attempt says: of its backend, and of whether another one may do better. */
export type Verdict = 'ok' | 'failed' | 'failed-retry' | 'neutral'

/** Judges what an attempt resolved with, such as a response. */
export type Judge = (value: unknown) => Verdict

/**
 * By a numeric `statusCode` or `status`, as HTTP responses have it: 502, 503 and 504 failed and may be tried elsewhere, other 5xx failed, everything else is
 * fine. 501 and 505 are answers, not failures; so is 429, which tells the caller to slow down. `Retry-After` is for who asks the same backend again: a retry
 * goes to another one.
 */
export function judgeStatus(value: unknown): Verdict {
  const status = statusOf(value)
  if (!(status >= 500) || status === 501 || status === 505) return 'ok'
  return status >= 502 && status <= 504 ? 'failed-retry' : 'failed'
}

function statusOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const { statusCode, status } = value as { statusCode?: unknown; status?: unknown }
  if (typeof statusCode === 'number') return statusCode
  return typeof status === 'number' ? status : 0
}

/** System errors that come before anything was sent. */
const unsent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
])

/** Calls of the system that come before anything can be sent. */
const unsentCalls = new Set(['connect', 'getaddrinfo'])
/** How deep causes are looked at: `fetch` wraps what happened once, and clients around it once more. */
const maxDepth = 4

type Told = 'code' | 'sent' | 'syscall' | 'cause' | 'errors'

/** Whether an error proves that the backend has seen nothing of the request: `sent: false` says so, and so does a connection that never stood. */
export function isUnsent(error: unknown): boolean {
  let current = error
  for (let depth = 0; depth < maxDepth && typeof current === 'object' && current !== null; depth++) {
    const { sent, cause, errors } = current as Partial<Record<Told, unknown>>
    if (typeof sent === 'boolean') return !sent
    if (isRefused(current)) return true
    // A host with several addresses, of which none let itself be connected to: they were tried one after the other.
    if (Array.isArray(errors) && errors.length > 0) return errors.every(isRefused)
    current = cause
  }
  return false
}

/** Whether it stands for a connection that could not be made. */
function isRefused(error: unknown): boolean {
  const { code, syscall } = Object(error) as Partial<Record<Told, unknown>>
  return (
    (typeof code === 'string' && unsent.has(code)) ||
    (typeof syscall === 'string' && unsentCalls.has(syscall))
  )
}
