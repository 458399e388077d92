import { WireError, type WireErrorCode } from '@aether/wire'

/** Fields of a frame that do not fit it, or that say what the protocol forbids: the connection ends. */
export function invalidFrame(message: string): WireError {
  return new WireError('ERR_AETHER_FRAME_INVALID', message)
}

export function invalidTopic(topic: string): WireError {
  const shown = topic.length > 80 ? `${topic.slice(0, 80)}…` : topic
  return new WireError(
    'ERR_AETHER_TOPIC_INVALID',
    `${JSON.stringify(shown)} is no valid name: levels between "/", no spaces or control characters, "+" and "#" only as whole levels of a filter, no leading "$".`,
  )
}

/** Names of tasks and workgroups; refused where a command brings them. */
export function invalidName(what: string, name: string): WireError {
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name
  return new WireError(
    'ERR_AETHER_NAME_INVALID',
    `${what} ${JSON.stringify(shown)} is no valid name: no "/", "+", "#", "*", spaces or control characters.`,
  )
}

export function payloadTooLarge(bytes: number, limit: number): WireError {
  return new WireError(
    'ERR_AETHER_PAYLOAD_TOO_LARGE',
    `A payload of ${bytes} bytes is over the broker's limit of ${limit}: send less, or start the broker with a larger maxPayloadBytes.`,
    { detail: { bytes, limit } },
  )
}

/** What `start` says when the address cannot be listened on. */
export function listenError(error: NodeJS.ErrnoException, host: string, port: number): WireError {
  const detail = { host, port }
  if (error.code === 'EADDRINUSE') {
    return new WireError(
      'ERR_AETHER_PORT_IN_USE',
      `Port ${port} on ${host} is in use: stop what listens there, or choose another port (0 takes a free one).`,
      { cause: error, detail },
    )
  }
  return new WireError('ERR_AETHER_CONNECT_FAILED', `Cannot listen on ${host}:${port}: ${error.message}`, {
    cause: error,
    detail,
  })
}

/** The code and text to send for whatever was thrown. */
export function errorShape(error: unknown): { readonly code: WireErrorCode; readonly message: string } {
  if (error instanceof WireError) return error
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === 'string' && code.startsWith('ERR_AETHER_')) {
    return { code: code as WireErrorCode, message: String(message) }
  }
  return {
    code: 'ERR_AETHER_TRANSPORT_LOST',
    message: 'The broker failed to handle a frame; its log says why.',
  }
}
