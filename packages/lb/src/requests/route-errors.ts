import { LbError } from '../errors.ts'
import type { AttemptKind } from './attempt.ts'
import type { LbRequest } from './request.ts'

/** One attempt that went wrong, as `detail.failures` of an error tells it. */
export interface AttemptFailure {
  readonly backendId: string
  readonly kind: AttemptKind
  readonly latencyMs: number
  /** The message of its error, its code where it has no message, or how its answer was judged. */
  readonly error: string
  /** The `code` of its error, where that is a text. */
  readonly code: string | undefined
}

/** Why a failed attempt was not followed by another one. */
export type NotRetried =
  | 'not-safe'
  | 'retries-used-up'
  | 'no-other-backend'
  | 'no-time'
  | 'no-budget'
  | 'no-slot'

/** What is known of a run when it ends with an error. */
export interface RunSummary {
  readonly request: LbRequest
  readonly attempts: number
  readonly backendIds: readonly string[]
  readonly failures: readonly AttemptFailure[]
}

const reasons: Readonly<Record<NotRetried, string>> = {
  'not-safe': 'not retried, since it may have been sent and is not idempotent',
  'retries-used-up': 'no retries are left',
  'no-other-backend': 'no other backend takes it',
  'no-time': 'its deadline leaves no time for another attempt',
  'no-budget': 'the retry budget is used up',
  'no-slot': 'no slot was to be had elsewhere',
}

/** How messages call a request. */
export function nameOf({ id }: LbRequest): string {
  return id === undefined ? 'the request' : `request ${id.slice(0, 100)}`
}

export function routeFailed(
  run: RunSummary,
  end: { readonly notRetried: NotRetried; readonly cause: unknown; readonly retryable: boolean },
): LbError {
  const { attempts, backendIds, failures } = run
  const last = failures.at(-1)
  return new LbError(
    'ERR_AETHER_ROUTE_FAILED',
    `${nameOf(run.request)} failed at ${last?.backendId}, after ${countOf(attempts)} in all (${reasons[end.notRetried]}): ${last?.error}`,
    {
      cause: end.cause,
      retryable: end.retryable,
      detail: { attempts, backendIds, failures, notRetried: end.notRetried },
    },
  )
}

/** `waitsFor` where it had no attempt under way. */
export function deadlineExceeded(
  run: RunSummary,
  end: {
    readonly timeoutMs: number
    readonly waitsFor: 'slot' | 'retry' | undefined
    readonly cause: unknown
  },
): LbError {
  const { attempts, backendIds, failures } = run
  const what =
    end.waitsFor === 'slot'
      ? 'no slot became free for it: add backends, or raise their maxConnections'
      : `${countOf(attempts)} made, the last at ${backendIds.at(-1)}: give it more time, or set attemptTimeoutMs so that others are tried sooner`
  return new LbError(
    'ERR_AETHER_DEADLINE_EXCEEDED',
    `${nameOf(run.request)} was not answered within ${end.timeoutMs} ms; ${what}`,
    {
      cause: end.cause,
      detail: { attempts, backendIds, failures, timeoutMs: end.timeoutMs, waitsFor: end.waitsFor },
    },
  )
}

export function attemptTimeout(backendId: string, timeoutMs: number | undefined): LbError {
  return new LbError('ERR_AETHER_ATTEMPT_TIMEOUT', `${backendId} did not answer within ${timeoutMs} ms`, {
    retryable: true,
    detail: { backendId, timeoutMs },
  })
}

/** The reason with which an attempt is aborted whose answer is not wanted. */
export function notWanted(why: string): LbError {
  return new LbError('ERR_AETHER_ROUTE_FAILED', why)
}

function countOf(attempts: number): string {
  return attempts === 1 ? '1 attempt' : `${attempts} attempts`
}
