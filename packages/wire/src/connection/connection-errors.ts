import { WireError } from '../errors.ts'
import { VERSION } from '../protocol.ts'

const fatal: ReadonlySet<string> = new Set([
  'ERR_AETHER_PROTOCOL_VERSION',
  'ERR_AETHER_OPTIONS_INVALID',
  'ERR_AETHER_TOKEN_REFUSED',
])

/** Trying again would end the same way. */
export function isFatal(error: WireError): boolean {
  return fatal.has(error.code)
}

/** What calls after `close` are told. */
export function closedError(): WireError {
  return new WireError('ERR_AETHER_TRANSPORT_CLOSED', 'The client is closed.')
}

/** What answers is no broker. */
export function foreignError(cause: WireError): WireError {
  return new WireError(
    'ERR_AETHER_FRAME_INVALID',
    'What answers there does not speak the Aether protocol: is this the address and port of a broker, and is TLS on at both ends or neither?',
    { cause },
  )
}

/** The stream ended, for the reason that it gives. */
export function lostError(cause?: unknown): WireError {
  return new WireError('ERR_AETHER_TRANSPORT_LOST', 'The connection to the broker ended.', {
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  })
}

/** What waited for an answer is told that it may have been done. */
export function lostCommand(error: WireError): WireError {
  if (error.code === 'ERR_AETHER_TRANSPORT_CLOSED') return error
  return new WireError(
    'ERR_AETHER_TRANSPORT_LOST',
    `The connection was lost; what was under way may have been done. ${error.message}`,
    {
      cause: error,
      retryable: true,
    },
  )
}

/** Why an attempt to connect failed, as an error of ours. */
export function connectError(error: unknown): WireError {
  if (error instanceof WireError && error.code !== 'ERR_AETHER_TRANSPORT_LOST') return error
  return new WireError('ERR_AETHER_CONNECT_FAILED', `Cannot connect to the broker: ${reasonOf(error)}`, {
    cause: error,
    retryable: true,
  })
}

/** A name with several addresses fails with all their errors, and without a word of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join(', ')
  return error instanceof Error ? error.message : String(error)
}

/** An attempt took too long. */
export function connectTimeout(timeoutMs: number): WireError {
  return new WireError(
    'ERR_AETHER_CONNECT_TIMEOUT',
    `No connection within ${Math.round(timeoutMs)} ms: is the broker up, and does nothing on the way hold the connection back?`,
    { retryable: true },
  )
}

/** A call waited for a connection in vain; `error` is what the last attempt met. */
export function noConnection(timeoutMs: number, error: WireError | undefined): WireError {
  return new WireError(
    'ERR_AETHER_CONNECT_TIMEOUT',
    `No connection within ${timeoutMs} ms${error === undefined ? '.' : `: ${error.message}`}`,
    { retryable: true, ...(error === undefined ? {} : { cause: error }) },
  )
}

/** Nothing was heard for too long. */
export function silentError(): WireError {
  return new WireError('ERR_AETHER_TRANSPORT_LOST', 'The broker went silent.', { retryable: true })
}

export function versionError(version: number): WireError {
  return new WireError(
    'ERR_AETHER_PROTOCOL_VERSION',
    `The broker speaks version ${version}, this client ${VERSION}.`,
  )
}

/** The stream takes nothing, and too much waits for it already. */
export function outboundFull(limit: number): WireError {
  return new WireError('ERR_AETHER_QUEUE_FULL', `More than ${limit} bytes wait to be sent.`, {
    retryable: true,
  })
}

/** The broker would not take it. */
export function payloadTooLarge(bytes: number, limit: number): WireError {
  return new WireError(
    'ERR_AETHER_PAYLOAD_TOO_LARGE',
    `A payload of ${bytes} bytes, with its headers, is over the broker's limit of ${limit}.`,
    { detail: { bytes, limit } },
  )
}
