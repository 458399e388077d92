import { AetherError, type Ending, type ErrorShape, exhaustedEnding, routeKey } from '@aether/core'
import type { Hold } from './open-task.ts'

export {
  cancelledEnding as cancelledEnd,
  completionOf,
  deadlineEnding as deadlineEnd,
  type Ending as End,
  queueTtlEnding as ttlEnd,
  refusedEnding as refusedEnd,
} from '@aether/core'

/** At most once: what may have run is not given to another. */
export function lostEnd(why: string): Ending {
  const message = `${why}; the task may have run, so mode pubsub gives it to no other worker`
  return { status: 'failed', error: { code: 'ERR_AETHER_TRANSPORT_LOST', message, retryable: true } }
}

export function exhaustedEnd(failures: number, lastError: ErrorShape | undefined): Ending {
  return exhaustedEnding({ failures, lastError })
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
