import { AetherError, type ErrorCode, type ErrorShape } from '@aether/core'

/** What a script says of a task that it did not take. */
export const Refusal = { none: 0, joined: 1, workersNone: 3, queueFull: 4, callersFull: 5 } as const

const refusals: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  [Refusal.workersNone]: [
    'ERR_AETHER_WORKERS_NONE',
    'no worker of its workgroup is there; start one, or send with waitForWorkers',
  ],
  [Refusal.queueFull]: ['ERR_AETHER_QUEUE_FULL', 'this queue holds maxQueued tasks'],
  [Refusal.callersFull]: ['ERR_AETHER_QUEUE_FULL', 'as many callers as may follow this task already'],
}

/** Why Redis did not take a task. */
export function refusalError(code: number, lane: string, tid: string): AetherError {
  const [name, why] =
    refusals[code] ?? (['ERR_AETHER_TRANSPORT_LOST', `answer ${code} of a newer peer`] as const)
  return new AetherError(name, `Task ${tid} of ${lane} was refused: ${why}.`, {
    retryable: true,
    detail: { lane, tid },
  })
}

/** Why a worker must stop, as scripts write it to its inbox; `expired`: past its deadline. */
export const Revoked = { lost: 0, cancelled: 1, expired: 3 } as const

/** What a worker is told that must stop; what is none of `Revoked` is a lost lease. */
export function revokeError(why: number, tid: string, attempt: number, said: string): AetherError {
  switch (why) {
    case Revoked.cancelled:
      return new AetherError('ERR_AETHER_TASK_CANCELLED', `Task ${tid} was cancelled: ${said}`, {
        detail: { tid, reason: said },
      })
    case Revoked.expired:
      return new AetherError('ERR_AETHER_DEADLINE_EXCEEDED', `Task ${tid} passed its deadline.`, {
        detail: { tid, attempt },
      })
    default:
      return leaseLost(tid, attempt)
  }
}

export function leaseLost(tid: string, attempt: number): AetherError {
  return new AetherError(
    'ERR_AETHER_LEASE_LOST',
    `Attempt ${attempt} of task ${tid} holds no lease any more.`,
    {
      detail: { tid, attempt },
    },
  )
}

export function taskUnknown(lane: string, tid: string, hint: string): AetherError {
  return new AetherError('ERR_AETHER_TASK_UNKNOWN', `Task ${tid} of ${lane} ${hint}.`, {
    detail: { lane, tid },
  })
}

export function unsupported(what: string): AetherError {
  return new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', what)
}

export function invalidInput(field: string, expected: string): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', `${field} must be ${expected}.`, { detail: { field } })
}

/** What the completion of a task says that no worker ended. */
export function endedError(reason: number, tid: string, attempt: number, said: string): ErrorShape {
  switch (reason) {
    case 1:
      return shape('ERR_AETHER_TASK_CANCELLED', `Task ${tid} was cancelled: ${said}`, { reason: said })
    case 2:
      return shape('ERR_AETHER_TASK_EXPIRED', `Task ${tid} waited longer than its time to live.`, {})
    case 3:
      return shape('ERR_AETHER_DEADLINE_EXCEEDED', `Task ${tid} passed its deadline.`, { attempt })
    default:
      return shape(
        'ERR_AETHER_ATTEMPTS_EXHAUSTED',
        `Task ${tid} lost its worker on attempt ${attempt}, its last.`,
        {
          attempt,
        },
      )
  }
}

function shape(code: ErrorCode, message: string, detail: Readonly<Record<string, unknown>>): ErrorShape {
  return { code, message, retryable: false, detail }
}
