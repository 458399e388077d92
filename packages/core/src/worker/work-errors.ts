import { AetherError, isAetherError } from '../errors.ts'
import type { TaskContext } from './worker.ts'

/** Longest delay that every transport carries: an unsigned number of 32 bits would do, a timer takes 31. */
export const maxDelayMs: number = 2 ** 31 - 1

/** How long a task that was limited waits, where the error says so: at least a millisecond, or it would come again without end and without a pause. */
export function rateLimitOf(error: unknown): number | undefined {
  if (!isAetherError(error) || error.code !== 'ERR_AETHER_RATE_LIMITED') return undefined
  const detail: unknown = error.detail
  if (typeof detail !== 'object' || detail === null || !('retryAfterMs' in detail)) return undefined
  const { retryAfterMs } = detail
  if (typeof retryAfterMs !== 'number' || !Number.isFinite(retryAfterMs)) return undefined
  return Math.min(Math.max(1, retryAfterMs), maxDelayMs)
}

export function afterTheEnd(work: TaskContext): AetherError {
  return new AetherError('ERR_AETHER_LEASE_LOST', `task ${work.tid} is not in this worker's hands any more`, {
    detail: { tid: work.tid, attempt: work.attempt },
  })
}

export function isTooLarge(error: unknown): error is AetherError {
  return isAetherError(error) && error.code === 'ERR_AETHER_PAYLOAD_TOO_LARGE'
}

export function outputTooLarge(work: TaskContext, bytes: number, maxBytes: number): AetherError {
  return new AetherError(
    'ERR_AETHER_PAYLOAD_TOO_LARGE',
    `output of task ${work.tid} has ${bytes} bytes, the transport takes ${maxBytes}`,
    { detail: { tid: work.tid, bytes, maxBytes } },
  )
}
