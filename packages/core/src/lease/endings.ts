import { toErrorShape } from '../error-shape.ts'
import type { ErrorShape } from '../errors.ts'
import type { CompleteEvent, TaskMessage, TerminalStatus } from '../transport.ts'
import { routeKey } from '../topic/topic.ts'
import type { Hold } from './open-task.ts'

/** For authors of transports whose callers end tasks themselves: why one ended without a worker's word. */
export interface Ending {
  readonly status: Exclude<TerminalStatus, 'succeed'>
  readonly error: ErrorShape
}

/** `ERR_AETHER_TASK_CANCELLED`. */
export function cancelledEnding(reason: string): Ending {
  return {
    status: 'cancelled',
    error: { code: 'ERR_AETHER_TASK_CANCELLED', message: reason, retryable: false },
  }
}

/** `ERR_AETHER_DEADLINE_EXCEEDED`. */
export function deadlineEnding(): Ending {
  return {
    status: 'expired',
    error: {
      code: 'ERR_AETHER_DEADLINE_EXCEEDED',
      message: 'the deadline of the task has passed',
      retryable: false,
    },
  }
}

/** `ERR_AETHER_TASK_EXPIRED`. */
export function queueTtlEnding(ttlMs: number): Ending {
  return {
    status: 'expired',
    error: {
      code: 'ERR_AETHER_TASK_EXPIRED',
      message: `no worker began it within ${ttlMs} ms`,
      retryable: true,
    },
  }
}

export function nobodyEnding({ open, workgroup }: Hold): Ending {
  const message = `no worker of ${workgroup} is subscribed to ${routeKey(open.task.route)}`
  return { status: 'failed', error: { code: 'ERR_AETHER_WORKERS_NONE', message, retryable: true } }
}

/** The engine does not take the task, however often it is offered. */
export function refusedEnding(error: unknown): Ending {
  return { status: 'failed', error: toErrorShape(error) }
}

/** Past its last attempt: the worker's own error, where it gave one. */
export function exhaustedEnding({
  failures,
  lastError,
}: {
  readonly failures: number
  readonly lastError: ErrorShape | undefined
}): Ending {
  const message = `failed or lost its lease ${failures} times`
  return {
    status: 'failed',
    error: lastError ?? { code: 'ERR_AETHER_ATTEMPTS_EXHAUSTED', message, retryable: false },
  }
}

export const leaseLost: ErrorShape = {
  code: 'ERR_AETHER_LEASE_LOST',
  message: 'the lease is gone: the task ended or went on under another attempt',
  retryable: false,
}

/** What a worker is told when its task ended without it. */
export function revocation(complete: CompleteEvent): ErrorShape {
  if (complete.status === 'cancelled' || complete.status === 'expired') {
    const code =
      complete.status === 'cancelled' ? 'ERR_AETHER_TASK_CANCELLED' : 'ERR_AETHER_DEADLINE_EXCEEDED'
    return { code, message: complete.error?.message ?? complete.status, retryable: false }
  }
  return leaseLost
}

/** Where a task stood in a workgroup when it ended. */
export interface Ended {
  readonly open: { readonly task: Pick<TaskMessage, 'route' | 'tid'> }
  readonly workgroup: string
  /** The last attempt that a worker began; 0 when none ever did. */
  readonly begun: number
}

/** Errors of an `Ending` that are not a worker's or a canceller's own words. */
const nameless: ReadonlySet<string> = new Set([
  'ERR_AETHER_ATTEMPTS_EXHAUSTED',
  'ERR_AETHER_DEADLINE_EXCEEDED',
  'ERR_AETHER_TASK_EXPIRED',
  'ERR_AETHER_WORKERS_NONE',
])

/** The completion that the caller itself writes. */
export function completionOf(
  hold: Ended,
  ending: Ending,
  who: { readonly client: string; readonly host: string },
): CompleteEvent {
  const { route, tid } = hold.open.task
  const { error } = ending
  return {
    action: 'complete',
    route,
    tid,
    client: who.client,
    host: who.host,
    status: ending.status,
    attempt: hold.begun,
    workgroup: hold.workgroup,
    codec: 'json',
    // Who reads it in a log has nothing but the text.
    error: nameless.has(error.code) ? { ...error, message: `task ${tid}: ${error.message}` } : error,
  }
}
