import { checkCount, checkFields, checkMs, checkShare } from '../check-options.ts'
import { invalidOption } from '../errors.ts'
import type { Random } from '../random.ts'

/** How often, how soon and out of which budget a failed request is tried elsewhere. */
export interface RetryOptions {
  /** Attempts after the first one; 0 turns retries off. @default 3 */
  readonly maxRetries?: number
  /** @default 25 */
  readonly baseMs?: number
  /** @default 1_000 */
  readonly maxMs?: number
  /** Retries relative to requests. @default 0.2 */
  readonly budget?: number
  /** Retries at a time that are always allowed. @default 3 */
  readonly minConcurrent?: number
}

export function checkRetry(options: RetryOptions, path = 'retry'): Required<RetryOptions> {
  const fields = checkFields(options, path, ['maxRetries', 'baseMs', 'maxMs', 'budget', 'minConcurrent'])
  const checked = {
    maxRetries: checkCount(fields['maxRetries'] ?? 3, `${path}.maxRetries`, 0),
    baseMs: checkMs(fields['baseMs'] ?? 25, `${path}.baseMs`),
    maxMs: checkMs(fields['maxMs'] ?? 1_000, `${path}.maxMs`),
    budget: checkShare(fields['budget'] ?? 0.2, `${path}.budget`),
    minConcurrent: checkCount(fields['minConcurrent'] ?? 3, `${path}.minConcurrent`, 0),
  }
  if (checked.maxMs < checked.baseMs)
    throw invalidOption(`${path}.maxMs (${checked.maxMs}) is less than baseMs (${checked.baseMs})`)
  return checked
}

/** Full jitter: anything from nothing to the doubled step, so that those who failed together do not come back together. `retry` counts from 1. */
export function backoffMs(options: Required<RetryOptions>, retry: number, random: Random): number {
  return random() * Math.min(options.baseMs * 2 ** Math.min(retry - 1, 30), options.maxMs)
}

/** When a second attempt starts beside a slow one. */
export interface HedgeOptions {
  /** A second attempt starts after this quantile of the latencies. @default 0.95 */
  readonly quantile?: number
  /** Never sooner than this. @default 1 */
  readonly minMs?: number
  /** While too little was measured for a quantile. @default 100 */
  readonly initialMs?: number
}

export function checkHedge(options: HedgeOptions, path = 'hedge'): Required<HedgeOptions> {
  const fields = checkFields(options, path, ['quantile', 'minMs', 'initialMs'])
  return {
    quantile: checkShare(fields['quantile'] ?? 0.95, `${path}.quantile`),
    minMs: checkMs(fields['minMs'] ?? 1, `${path}.minMs`),
    initialMs: checkMs(fields['initialMs'] ?? 100, `${path}.initialMs`),
  }
}
