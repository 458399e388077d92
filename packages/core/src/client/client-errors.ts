import type { TaskDefinition } from '../define/task-definition.ts'
import { AetherError } from '../errors.ts'

export function duplicate(tid: string): AetherError {
  return new AetherError(
    'ERR_AETHER_TASK_DUPLICATE',
    `tid ${tid} belongs to an open run of another task: use another tid`,
    { detail: { tid } },
  )
}

export function alreadyOver(tid: string): AetherError {
  return new AetherError(
    'ERR_AETHER_TASK_CANCELLED',
    `task ${tid} was over before middleware called next()`,
    {
      detail: { tid },
    },
  )
}

export function inputTooLarge(definition: TaskDefinition, bytes: number, maxBytes: number): AetherError {
  return new AetherError(
    'ERR_AETHER_PAYLOAD_TOO_LARGE',
    `input of ${definition.job}/${definition.task} has ${bytes} bytes, the transport takes ${maxBytes}`,
    { detail: { bytes, maxBytes } },
  )
}

export function cancelledError(tid: string, reason: string, cause?: unknown): AetherError {
  return new AetherError('ERR_AETHER_TASK_CANCELLED', `task ${tid} was cancelled: ${reason}`, {
    cause,
    detail: { tid, reason },
  })
}

export function deadlineError(tid: string, deadlineMs: number): AetherError {
  return new AetherError('ERR_AETHER_DEADLINE_EXCEEDED', `task ${tid} did not end within ${deadlineMs} ms`, {
    detail: { tid, deadlineMs },
  })
}
