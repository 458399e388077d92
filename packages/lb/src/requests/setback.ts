import { reasonText } from '../reason-text.ts'
import type { RouteAttempt } from './attempt.ts'
import type { Pause } from './pause.ts'
import { type AttemptFailure, notWanted } from './route-errors.ts'

/** What has gone wrong in a run so far, and what comes of it; made with the first failure, so that runs without one do not pay for it. */
export class Setback<T> {
  readonly failures: AttemptFailure[] = []
  retries = 0
  /** A retry is planned or waits for a slot: it holds a place in the budget. */
  holdsBudget = false
  /** Until the retry. */
  pause: Pause | undefined = undefined
  /** The error of the last attempt that ended; `undefined` where it gave an answer. */
  error: unknown = undefined
  /** The answer of the last attempt that ended, judged not good enough: handed on where no better one is to be had. */
  answer: { readonly attempt: RouteAttempt; readonly value: T } | undefined = undefined

  addError(attempt: RouteAttempt, error: unknown, latencyMs: number): void {
    this.dropAnswer()
    this.error = error
    this.add(attempt, { error: reasonText(error), code: codeOf(error), latencyMs })
  }

  addAnswer(attempt: RouteAttempt, value: T, latencyMs: number): void {
    this.dropAnswer()
    this.error = undefined
    this.answer = { attempt, value }
    this.add(attempt, { error: 'its answer was judged a failure', code: undefined, latencyMs })
  }

  /** Takes the answer to hand it on. */
  takeAnswer(): { readonly attempt: RouteAttempt; readonly value: T } | undefined {
    const { answer } = this
    this.answer = undefined
    return answer
  }

  /** An answer that nobody will read would keep its connection busy. */
  dropAnswer(): void {
    this.takeAnswer()?.attempt.abort(notWanted('its answer was a failure, and another attempt was made'))
  }

  private add(attempt: RouteAttempt, failure: Omit<AttemptFailure, 'backendId' | 'kind'>): void {
    this.failures.push({ backendId: attempt.backend.id, kind: attempt.kind, ...failure })
  }
}

function codeOf(error: unknown): string | undefined {
  const code: unknown =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
