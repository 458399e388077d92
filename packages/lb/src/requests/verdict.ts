/** What one attempt says: of its backend, and of whether another one may do better. */
export type Verdict = 'ok' | 'failed' | 'failed-retry' | 'neutral'

/** Judges what an attempt resolved with, such as a response. */
export type Judge = (value: unknown) => Verdict

/**
 * By a numeric `statusCode` or `status`, as HTTP responses have it: 502, 503 and 504 failed and may be tried elsewhere, other 5xx failed, everything else is
 * fine. 501 and 505 are answers, not failures.
 */
export function judgeStatus(value: unknown): Verdict {
  const status = statusOf(value)
  if (status < 500 || status === 501 || status === 505) return 'ok'
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

/** Whether an error proves that the backend has seen nothing of the request: `sent: false` says so, and so does a connection that never stood. */
export function isUnsent(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { code, sent, cause } = error as { code?: unknown; sent?: unknown; cause?: unknown }
  if (sent === false) return true
  if (typeof code === 'string' && unsent.has(code)) return true
  // `fetch` wraps what happened once.
  return cause !== undefined && cause !== error && isUnsentCause(cause)
}

function isUnsentCause(cause: unknown): boolean {
  if (typeof cause !== 'object' || cause === null) return false
  const { code } = cause as { code?: unknown }
  return typeof code === 'string' && unsent.has(code)
}
