import { AetherError, type CompleteEvent, type ErrorShape, routeKey, type TerminalStatus } from '@aether/core'
import type { Hold } from './open-task.ts'

/** Why a task ended without a worker's word. */
export interface End {
  readonly status: Exclude<TerminalStatus, 'succeed'>
  readonly error: ErrorShape
}

export function cancelledEnd(reason: string): End {
  return {
    status: 'cancelled',
    error: { code: 'ERR_AETHER_TASK_CANCELLED', message: reason, retryable: false },
  }
}

export function deadlineEnd(): End {
  const message = 'the deadline of the task has passed'
  return { status: 'expired', error: { code: 'ERR_AETHER_DEADLINE_EXCEEDED', message, retryable: false } }
}

export function ttlEnd(ttlMs: number): End {
  const message = `no worker took it within ${ttlMs} ms`
  return { status: 'expired', error: { code: 'ERR_AETHER_TASK_EXPIRED', message, retryable: true } }
}

/** At most once: what may have run is not given to another. */
export function lostEnd(why: string): End {
  const message = `${why}; the task may have run, so mode pubsub gives it to no other worker`
  return { status: 'failed', error: { code: 'ERR_AETHER_TRANSPORT_LOST', message, retryable: true } }
}

export function exhaustedEnd(failures: number, error: ErrorShape | undefined): End {
  const message = `it failed ${failures} times`
  return {
    status: 'failed',
    error: error ?? { code: 'ERR_AETHER_ATTEMPTS_EXHAUSTED', message, retryable: false },
  }
}

export function refusedEnd({ code, message, retryable }: AetherError): End {
  return { status: 'failed', error: { code, message, retryable } }
}

/** The completion that the caller itself writes. */
export function completionOf(
  hold: Hold,
  end: End,
  who: { readonly client: string; readonly host: string },
): CompleteEvent {
  const { route, tid } = hold.open.task
  return {
    action: 'complete',
    route,
    tid,
    client: who.client,
    host: who.host,
    status: end.status,
    attempt: hold.begun,
    workgroup: hold.lane.workgroup,
    codec: 'json',
    error: end.error,
  }
}

export function workersNone({ task }: Hold['open']): AetherError {
  const message = `no worker of ${task.workgroup} consumes ${routeKey(task.route)}`
  return new AetherError('ERR_AETHER_WORKERS_NONE', message, { retryable: true })
}

export function queueFull(what: string, limit: number): AetherError {
  return new AetherError('ERR_AETHER_QUEUE_FULL', `${limit} tasks ${what}: wait for some to end`, {
    retryable: true,
    detail: { limit },
  })
}

/** What one instance may have of something that the others have to know. */
export function tooMany(what: string, limit: number): AetherError {
  return new AetherError('ERR_AETHER_QUEUE_FULL', `${limit} ${what} are too many for one instance`, {
    retryable: true,
    detail: { limit },
  })
}

export function unknownTask(tid: string): AetherError {
  return new AetherError('ERR_AETHER_TASK_UNKNOWN', `task ${tid} is not open: nobody has it, or it is over`, {
    detail: { tid },
  })
}

export function leaseLost(why: string): AetherError {
  return new AetherError('ERR_AETHER_LEASE_LOST', `the task is not in hand any more: ${why}`)
}
