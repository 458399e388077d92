import { AetherError, isAetherError } from '@aether/core'
import type { ErrorCode, ErrorShape } from '@aether/core'
import type { RevokeReason, SendResult, Settlement } from '@aether/engine'

type Refusal = Exclude<SendResult, 'accepted' | 'deduplicated'>

const refusals: Readonly<Record<Refusal, readonly [ErrorCode, string]>> = {
  'workers-none': [
    'ERR_AETHER_WORKERS_NONE',
    'no worker of its workgroup consumes this route; start one, or send with waitForWorkers',
  ],
  'queue-full': ['ERR_AETHER_QUEUE_FULL', 'a queue of this route holds limits.maxQueued tasks'],
  'bytes-full': ['ERR_AETHER_QUEUE_FULL', 'the engine holds limits.maxBytes of bodies'],
  'routes-full': ['ERR_AETHER_QUEUE_FULL', 'the engine has tasks on limits.maxRoutes routes'],
  'watchers-full': ['ERR_AETHER_QUEUE_FULL', 'limits.maxWatchers callers follow this task already'],
}

/** Why the engine did not take a task. */
export function refusalError(result: Refusal, route: string, tid: string): AetherError {
  const [code, why] = refusals[result]
  return new AetherError(code, `task ${tid} on ${route} was refused: ${why}`, {
    retryable: true,
    detail: { route, tid, reason: result },
  })
}

const revocations: Readonly<Record<RevokeReason, readonly [ErrorCode, string]>> = {
  'lease-lost': ['ERR_AETHER_LEASE_LOST', 'its lease ran out'],
  cancelled: ['ERR_AETHER_TASK_CANCELLED', 'it was cancelled'],
  deadline: ['ERR_AETHER_DEADLINE_EXCEEDED', 'its deadline passed'],
}

/** Why a worker must stop. */
export function revokeError(
  reason: RevokeReason,
  tid: string,
  cancelReason: string | undefined,
): AetherError {
  const [code, why] = revocations[reason]
  const said = cancelReason === undefined ? '' : `: ${cancelReason}`
  const detail = cancelReason === undefined ? { tid } : { tid, reason: cancelReason }
  return new AetherError(code, `task ${tid} was taken away: ${why}${said}`, { detail })
}

/** A worker acts on a lease that is settled, expired or revoked. */
export function leaseLostError(tid: string, attempt: number): AetherError {
  return new AetherError(
    'ERR_AETHER_LEASE_LOST',
    `attempt ${attempt} of task ${tid} holds no lease any more`,
    {
      detail: { tid, attempt },
    },
  )
}

/** What the completion of a task says that the engine itself ended; `lastError` is what its last attempt said, where that was an error's shape. */
export function endedError(settlement: Settlement<unknown>): ErrorShape {
  const { tid, reason, cancelReason, attempt } = settlement
  switch (reason) {
    case 'cancelled':
      return shape('ERR_AETHER_TASK_CANCELLED', `task ${tid} was cancelled: ${cancelReason ?? ''}`, {
        reason: cancelReason ?? '',
      })
    case 'queue-ttl':
      return shape('ERR_AETHER_TASK_EXPIRED', `task ${tid} waited longer than its time to live`, {})
    case 'deadline':
      return shape('ERR_AETHER_DEADLINE_EXCEEDED', `task ${tid} passed its deadline`, { attempt })
    default:
      return isErrorShape(settlement.lastError)
        ? settlement.lastError
        : shape(
            'ERR_AETHER_ATTEMPTS_EXHAUSTED',
            `task ${tid} lost its worker on attempt ${attempt}, its last`,
            { attempt },
          )
  }
}

export function tooLargeError(what: string, bytes: number, limit: number): AetherError {
  return new AetherError(
    'ERR_AETHER_PAYLOAD_TOO_LARGE',
    `${what} has ${bytes} bytes; at most ${limit} are carried`,
    {
      detail: { bytes, limit },
    },
  )
}

export function floodError(): AetherError {
  const message =
    'too many events wait to be heard by the listeners of this hub; await each publish and report'
  return new AetherError('ERR_AETHER_QUEUE_FULL', message, { retryable: true })
}

export function closedError(): AetherError {
  return new AetherError('ERR_AETHER_TRANSPORT_CLOSED', 'the memory transport is closed')
}

export function unknownTaskError(route: string, tid: string, hint: string): AetherError {
  return new AetherError('ERR_AETHER_TASK_UNKNOWN', `task ${tid} on ${route} ${hint}`, {
    detail: { route, tid },
  })
}

/** What the engine throws when it is misused, as this package's kind of error. */
export function fromEngine(thrown: unknown): AetherError {
  if (thrown instanceof AetherError) return thrown
  const code: ErrorCode = isAetherError(thrown) ? thrown.code : 'ERR_AETHER_OPTIONS_INVALID'
  return new AetherError(code, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
}

function shape(code: ErrorCode, message: string, detail: Readonly<Record<string, unknown>>): ErrorShape {
  return { code, message, retryable: false, detail }
}

function isErrorShape(value: unknown): value is ErrorShape {
  return typeof value === 'object' && value !== null && typeof (value as { code?: unknown }).code === 'string'
}
