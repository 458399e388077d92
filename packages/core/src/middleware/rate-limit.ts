import { LRUCache } from 'lru-cache'

import { checkFunction, checkInteger, checkKeys, optionsInvalid } from '../app/check-options.ts'
import { systemClock, type Clock } from '../clock.ts'
import { AetherError } from '../errors.ts'
import type { Call, Middleware } from './middleware.ts'

export interface RateLimitOptions {
  /** Tasks with the same key share a limit; undefined: no limit for this one. @default job/task */
  readonly key?: (call: Call) => string | undefined
  /** How many a second, in the long run. */
  readonly perSecond: number
  /** How many at once after a pause. @default perSecond, at least 1 */
  readonly burst?: number
  /** Where it limits; a worker's limit is its own, not shared with other workers. @default 'client' */
  readonly side?: 'client' | 'worker'
  /** Keys remembered; the least recently used is forgotten first, and starts afresh. @default 10_000 */
  readonly maxKeys?: number
  /** @default systemClock */
  readonly clock?: Pick<Clock, 'monotonic'>
}

const where = 'rateLimit'

const known: ReadonlySet<string> = new Set([
  'key',
  'perSecond',
  'burst',
  'side',
  'maxKeys',
  'clock',
] satisfies (keyof RateLimitOptions)[])

/**
 * Limits tasks by key. On the client a task over the limit fails with `ERR_AETHER_RATE_LIMITED`, `detail.retryAfterMs` telling when it would pass. On a worker
 * the task goes back for that long, which does not count as a failed attempt. Throws `ERR_AETHER_OPTIONS_INVALID`.
 *
 * It is the generic cell rate algorithm: one number a key, no timers.
 *
 * @example
 * createAether({ union, transport, middleware: [rateLimit({ key: (call) => call.headers['tenant'], perSecond: 50 })] })
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  checkKeys(where, options, known)
  const { perSecond, side = 'client', clock = systemClock, key = defaultKey } = options
  if (typeof perSecond !== 'number' || !(perSecond > 0 && Number.isFinite(perSecond))) {
    throw optionsInvalid(where, 'perSecond', 'a number above 0', perSecond)
  }
  if (side !== 'client' && side !== 'worker')
    throw optionsInvalid(where, 'side', "'client' or 'worker'", side)
  checkFunction(where, 'key', key)
  checkFunction(where, 'clock.monotonic', clock?.monotonic)
  const burst = checkInteger(
    where,
    'burst',
    options.burst ?? Math.max(1, Math.floor(perSecond)),
    1,
    1_000_000_000,
  )
  const max = checkInteger(where, 'maxKeys', options.maxKeys ?? 10_000, 1, 10_000_000)

  const intervalMs = 1_000 / perSecond
  const toleranceMs = intervalMs * (burst - 1)
  /** By key, when the next task would be due if they came evenly: monotonic milliseconds. */
  const theoretical = new LRUCache<string, number>({ max })

  return async (call, next) => {
    if (call.side !== side) return next()
    const name = key(call)
    if (name === undefined) return next()
    const nowMs = clock.monotonic()
    const dueMs = Math.max(theoretical.get(name) ?? nowMs, nowMs)
    const retryAfterMs = dueMs - toleranceMs - nowMs
    if (retryAfterMs > 0) throw rateLimited(call, perSecond, Math.ceil(retryAfterMs))
    theoretical.set(name, dueMs + intervalMs)
    return next()
  }
}

function defaultKey(call: Call): string {
  return `${call.definition.job}/${call.definition.task}`
}

function rateLimited(call: Call, perSecond: number, retryAfterMs: number): AetherError {
  const { job, task } = call.definition
  return new AetherError(
    'ERR_AETHER_RATE_LIMITED',
    `${job}/${task} is limited to ${perSecond} a second: try again in ${retryAfterMs} ms`,
    { retryable: true, detail: { tid: call.tid, perSecond, retryAfterMs } },
  )
}
