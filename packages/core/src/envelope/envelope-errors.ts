import { AetherError } from '../errors.ts'

/** A message that is not an envelope; foreign messages are expected, so transports count these and go on. */
export function invalidEnvelope(why: string, cause?: unknown): AetherError {
  return new AetherError('ERR_AETHER_ENVELOPE_INVALID', `not an Aether envelope: ${why}`, { cause })
}
