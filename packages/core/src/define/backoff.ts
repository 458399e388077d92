import { checkKeys, optionsInvalid } from '../app/check-options.ts'

/** Milliseconds to wait after the failed attempt `attempt` (1, 2, 3 …). `random` gives 0 ≤ x < 1. */
export type Backoff = (attempt: number, random: () => number) => number

export interface ExponentialOptions {
  /** No wait is longer. @default 60_000 */
  readonly maxMs?: number
  /** Share of the wait that is random, 0 to 1: spreads those who failed together. @default 0.5 */
  readonly jitter?: number
}

const known: ReadonlySet<string> = new Set(['maxMs', 'jitter'] satisfies (keyof ExponentialOptions)[])

/**
 * Doubles the wait with each attempt: `baseMs`, 2 × `baseMs`, 4 × `baseMs` … up to `maxMs`, less a random share. Throws `ERR_AETHER_OPTIONS_INVALID`.
 *
 * @example
 * defineTask({ job: 'mail', task: 'send', attempts: 5, backoff: exponential(1_000, { maxMs: 60_000 }) })
 */
export function exponential(baseMs: number, options: ExponentialOptions = {}): Backoff {
  checkKeys('exponential', options, known)
  const maxMs = options.maxMs ?? 60_000
  const jitter = options.jitter ?? 0.5
  if (!(baseMs >= 0 && Number.isFinite(baseMs)))
    throw optionsInvalid('exponential', 'baseMs', 'a number ≥ 0', baseMs)
  if (!(maxMs >= 0 && Number.isFinite(maxMs)))
    throw optionsInvalid('exponential', 'maxMs', 'a number ≥ 0', maxMs)
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1))
    throw optionsInvalid('exponential', 'jitter', 'a number from 0 to 1', jitter)
  return (attempt, random) => {
    const fullMs = Math.min(maxMs, baseMs * 2 ** Math.max(0, attempt - 1))
    return fullMs * (1 - jitter * random())
  }
}

/** Waits `delayMs` after each failed attempt. Throws `ERR_AETHER_OPTIONS_INVALID`. */
export function fixed(delayMs: number): Backoff {
  if (!(delayMs >= 0 && Number.isFinite(delayMs)))
    throw optionsInvalid('fixed', 'delayMs', 'a number ≥ 0', delayMs)
  return () => delayMs
}
