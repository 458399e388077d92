import { AetherError, type ErrorCode, errorCodes, type ErrorShape, isAetherError } from '@aether/core'
import { Reason } from '@aether/wire'

const known: ReadonlySet<string> = new Set(errorCodes)

/** What the wire or the broker says, as an error of core. A code of a newer broker becomes `ERR_AETHER_TRANSPORT_LOST`, with the code in its detail. */
export function toAetherError(thrown: unknown): AetherError {
  if (thrown instanceof AetherError) return thrown
  if (!isAetherError(thrown)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return new AetherError('ERR_AETHER_TRANSPORT_LOST', `The transport failed: ${message}`, { cause: thrown })
  }
  const { code, message, retryable, detail, cause } = thrown
  const options = { retryable, ...(cause === undefined ? {} : { cause }) }
  if (known.has(code)) return new AetherError(code, message, { ...options, detail })
  return new AetherError('ERR_AETHER_TRANSPORT_LOST', message, { ...options, detail: { ...detail, code } })
}

/** Waits for what the wire promises; rejects with errors of core. A caller's own reason for aborting passes as it is. */
export async function mapped<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise
  } catch (error) {
    throw toAetherError(error)
  }
}

/** What the completion of a task says that the broker itself ended; `said` is what the worker's last attempt said, or the reason of a cancel. */
export function endedError(
  reason: number,
  tid: string,
  attempt: number,
  said: ErrorShape | undefined,
  text: string,
): ErrorShape {
  switch (reason) {
    case Reason.cancelled:
      return shape('ERR_AETHER_TASK_CANCELLED', `Task ${tid} was cancelled: ${text}`, { reason: text })
    case Reason.queueTtl:
      return shape('ERR_AETHER_TASK_EXPIRED', `Task ${tid} waited longer than its time to live.`, {})
    case Reason.deadline:
      return shape('ERR_AETHER_DEADLINE_EXCEEDED', `Task ${tid} passed its deadline.`, { attempt })
    default:
      return (
        said ??
        shape(
          'ERR_AETHER_ATTEMPTS_EXHAUSTED',
          `Task ${tid} lost its worker on attempt ${attempt}, its last.`,
          { attempt },
        )
      )
  }
}

export function closedError(): AetherError {
  return new AetherError('ERR_AETHER_TRANSPORT_CLOSED', 'The TCP transport is closed.')
}

export function invalidInput(message: string, detail: Readonly<Record<string, unknown>>): AetherError {
  return new AetherError('ERR_AETHER_OPTIONS_INVALID', message, { detail })
}

export function payloadTooLarge(what: string, bytes: number, limit: number): AetherError {
  return new AetherError(
    'ERR_AETHER_PAYLOAD_TOO_LARGE',
    `The body of ${what} has ${bytes} bytes; at most ${limit} are carried.`,
    {
      detail: { bytes, limit },
    },
  )
}

function shape(code: ErrorCode, message: string, detail: Readonly<Record<string, unknown>>): ErrorShape {
  return { code, message, retryable: false, detail }
}
