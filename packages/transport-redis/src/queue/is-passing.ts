import { isAetherError } from '@aether/core'

/** Whether a call failed with its connection, so that it may have been done and is worth another try. */
export function isPassing(error: unknown): boolean {
  return isAetherError(error) && error.code === 'ERR_AETHER_TRANSPORT_LOST' && error.retryable
}

/** Whether a call was more than the server takes at once: it was not sent. */
export function isTooLarge(error: unknown): boolean {
  return isAetherError(error) && error.code === 'ERR_AETHER_PAYLOAD_TOO_LARGE'
}
