import { AetherError } from '../errors.ts'
import type { CodecName } from '../transport.ts'

/** A value that has no form in this codec. The value itself stays out of the text: it may be secret. */
export function unencodable(codec: CodecName, why: string, cause?: unknown): AetherError {
  return new AetherError('ERR_AETHER_PAYLOAD_UNENCODABLE', `cannot encode as ${codec}: ${why}`, {
    cause,
    detail: { codec },
  })
}

/** Bytes that this codec did not make. */
export function undecodable(codec: string, bytes: number, why: string, cause?: unknown): AetherError {
  return new AetherError(
    'ERR_AETHER_PAYLOAD_UNDECODABLE',
    `cannot decode ${bytes} bytes as ${codec}: ${why}`,
    {
      cause,
      detail: { codec, bytes },
    },
  )
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}
