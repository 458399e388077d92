import type { Attempt } from './attempt.ts'

/** What the caller does with a backend: a value or a promise of one; throw for a failure. */
export type Call<T> = (attempt: Attempt) => PromiseLike<T> | T

/** What `route` resolves with. */
export interface RouteResult<T> {
  readonly value: T
  readonly backendId: string
  readonly requestId: string | undefined
  /** From the call of `route` to its result, waiting and retries included. */
  readonly latencyMs: number
  readonly attempts: number
  /** The answer is that of a second attempt beside a slow first one. */
  readonly isHedged: boolean
  /** For the client, where affinity goes by cookie and the session is new here. */
  readonly setCookie: string | undefined
}
