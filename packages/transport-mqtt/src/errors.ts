import { AetherError, type ErrorCode } from '@aether/core'
import type { MqttTarget } from './options.ts'

/** What a reason code of MQTT 5 means to a caller; those of 3.1.1's CONNACK are `returnCodes`. */
const reasonCodes: Readonly<Record<number, readonly [ErrorCode, isRetryable: boolean, what: string]>> = {
  0x80: ['ERR_AETHER_CONNECT_FAILED', true, 'unspecified error'],
  0x81: ['ERR_AETHER_FRAME_INVALID', false, 'malformed packet'],
  0x82: ['ERR_AETHER_FRAME_INVALID', false, 'protocol error'],
  0x83: ['ERR_AETHER_CONNECT_FAILED', true, 'implementation specific error'],
  0x84: ['ERR_AETHER_PROTOCOL_VERSION', false, 'unsupported protocol version'],
  0x85: ['ERR_AETHER_OPTIONS_INVALID', false, 'client id not valid'],
  0x86: ['ERR_AETHER_TOKEN_REFUSED', false, 'bad user name or password'],
  0x87: ['ERR_AETHER_TOKEN_REFUSED', false, 'not authorized'],
  0x88: ['ERR_AETHER_CONNECT_FAILED', true, 'server unavailable'],
  0x89: ['ERR_AETHER_CONNECT_FAILED', true, 'server busy'],
  0x8a: ['ERR_AETHER_TOKEN_REFUSED', false, 'banned'],
  0x8b: ['ERR_AETHER_TRANSPORT_LOST', true, 'server shutting down'],
  0x8c: ['ERR_AETHER_TOKEN_REFUSED', false, 'bad authentication method'],
  0x8d: ['ERR_AETHER_TRANSPORT_LOST', true, 'keep alive timeout'],
  0x8e: ['ERR_AETHER_TRANSPORT_LOST', false, 'session taken over: another client has the same client id'],
  0x8f: ['ERR_AETHER_TOPIC_INVALID', false, 'topic filter invalid'],
  0x90: ['ERR_AETHER_TOPIC_INVALID', false, 'topic name invalid'],
  0x93: ['ERR_AETHER_TRANSPORT_LOST', true, 'receive maximum exceeded'],
  0x94: ['ERR_AETHER_TRANSPORT_LOST', true, 'topic alias invalid'],
  0x95: ['ERR_AETHER_PAYLOAD_TOO_LARGE', false, 'packet too large'],
  0x96: ['ERR_AETHER_RATE_LIMITED', true, 'message rate too high'],
  0x97: ['ERR_AETHER_QUEUE_FULL', true, 'quota exceeded'],
  0x98: ['ERR_AETHER_TRANSPORT_LOST', true, 'administrative action'],
  0x99: ['ERR_AETHER_FRAME_INVALID', false, 'payload format invalid'],
  0x9a: ['ERR_AETHER_CAPABILITY_UNSUPPORTED', false, 'retain not supported'],
  0x9b: ['ERR_AETHER_CAPABILITY_UNSUPPORTED', false, 'quality of service not supported'],
  0x9c: ['ERR_AETHER_CONNECT_FAILED', true, 'use another server'],
  0x9d: ['ERR_AETHER_CONNECT_FAILED', true, 'server moved'],
  0x9e: ['ERR_AETHER_CAPABILITY_UNSUPPORTED', false, 'shared subscriptions not supported'],
  0x9f: ['ERR_AETHER_RATE_LIMITED', true, 'connection rate exceeded'],
  0xa0: ['ERR_AETHER_TRANSPORT_LOST', true, 'maximum connect time'],
  0xa1: ['ERR_AETHER_CAPABILITY_UNSUPPORTED', false, 'subscription identifiers not supported'],
  0xa2: ['ERR_AETHER_CAPABILITY_UNSUPPORTED', false, 'wildcard subscriptions not supported'],
}

/** Return codes of a CONNACK of MQTT 3.1.1, as the reasons that they are in MQTT 5. */
const returnCodes: Readonly<Record<number, number>> = { 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87 }

/** The one reason code of a PUBACK that is good news and says something: no workgroup is subscribed. */
export const noMatchingSubscribers = 0x10

/** A reason code that the broker gave for `what`. */
export function reasonError(reasonCode: number, what: string, cause?: unknown): AetherError {
  const reason = returnCodes[reasonCode] ?? reasonCode
  const [code, retryable, meaning] = reasonCodes[reason] ?? [
    'ERR_AETHER_TRANSPORT_LOST',
    true,
    'unknown reason',
  ]
  return new AetherError(code, `${what}: ${meaning} (reason ${reason})`, {
    retryable,
    detail: { reasonCode: reason },
    ...(cause !== undefined && { cause }),
  })
}

/** Whether the broker speaks no MQTT 5, and may speak 3.1.1. */
export function isVersionRefusal(error: AetherError): boolean {
  return error.code === 'ERR_AETHER_PROTOCOL_VERSION'
}

/** Whether another attempt would end as this one did, for as long as nobody changes anything. */
export function isFinal(error: AetherError): boolean {
  return !error.retryable
}

/** OpenSSL and Node say in these that a handshake found the other side not to be trusted, or not to speak TLS. */
const tlsCode =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO$)/

/** What mqtt.js or the socket below it throws while a connection is made, or open. */
export function connectionError(thrown: unknown, where: string, wasOpen: boolean = false): AetherError {
  if (thrown instanceof AetherError) return thrown
  const { code, message } = errorFields(thrown)
  if (typeof code === 'number') return reasonError(code, where, thrown)
  const options = { cause: thrown, detail: { where } }
  if (message === 'connack timeout') {
    const text = `${where}: no answer to CONNECT in time; is it an MQTT broker, and on this port?`
    return new AetherError('ERR_AETHER_CONNECT_TIMEOUT', text, { ...options, retryable: true })
  }
  if (message === 'Keepalive timeout')
    return new AetherError('ERR_AETHER_TRANSPORT_LOST', `${where}: the broker is silent`, {
      ...options,
      retryable: true,
    })
  if (message === 'Invalid puback reason code') {
    // Mosquitto's way to refuse what is over its message_size_limit is a reason that MQTT does not allow there, over which mqtt.js ends the connection.
    const text = `${where}: the broker refused a message as too large`
    return new AetherError('ERR_AETHER_PAYLOAD_TOO_LARGE', text, { ...options, retryable: true })
  }
  if (code !== undefined && !wasOpen && tlsCode.test(code)) {
    const text = `${where}: the TLS handshake failed: ${message}; check tls.ca, tls.cert and the port`
    return new AetherError('ERR_AETHER_CONNECT_FAILED', text, options)
  }
  if (code !== undefined && !wasOpen)
    return new AetherError('ERR_AETHER_CONNECT_FAILED', `${where}: ${message}`, {
      ...options,
      retryable: true,
    })
  return new AetherError('ERR_AETHER_TRANSPORT_LOST', `${where}: ${message}`, { ...options, retryable: true })
}

/** What each kind of URL expects of its port. */
const spoken = {
  mqtt: 'MQTT without TLS',
  mqtts: 'MQTT over TLS',
  ws: 'MQTT over WebSocket, without TLS',
  wss: 'MQTT over WebSocket, with TLS',
} as const satisfies Record<MqttTarget['protocol'], string>

/** What ended a connection before the broker had answered; where the other side said nothing of it, mostly a port that speaks something else. */
export function openingError(thrown: unknown, target: MqttTarget): AetherError {
  const where = `${target.protocol}://${target.host}:${target.port}`
  const error = thrown === undefined ? undefined : connectionError(thrown, where)
  const { code } = errorFields(thrown)
  const isCut = error?.code === 'ERR_AETHER_TRANSPORT_LOST' || code === 'ECONNRESET' || code === 'EPIPE'
  if (error && !isCut) return error
  const why = error?.message ?? `${where}: the connection was closed before an answer`
  return new AetherError(
    'ERR_AETHER_CONNECT_FAILED',
    `${why}; does this port speak ${spoken[target.protocol]}?`,
    {
      retryable: true,
      detail: { where },
      ...(thrown !== undefined && { cause: thrown }),
    },
  )
}

function errorFields(thrown: unknown): {
  readonly code: number | string | undefined
  readonly message: string
} {
  if (!(thrown instanceof Error)) return { code: undefined, message: String(thrown) }
  const { code } = thrown as { code?: unknown }
  // Attempts at several addresses of one host fail together, without a text of their own.
  const [first] = thrown instanceof AggregateError ? (thrown.errors as readonly unknown[]) : []
  const message = thrown.message === '' && first instanceof Error ? first.message : thrown.message
  return { code: typeof code === 'number' || typeof code === 'string' ? code : undefined, message }
}

export function closedError(): AetherError {
  return new AetherError('ERR_AETHER_TRANSPORT_CLOSED', 'the MQTT transport is closed')
}

export function lostError(why: string): AetherError {
  return new AetherError('ERR_AETHER_TRANSPORT_LOST', why, { retryable: true })
}

export function timeoutError(connectTimeoutMs: number, cause?: AetherError): AetherError {
  const why = cause === undefined ? '' : `: ${cause.message}`
  return new AetherError('ERR_AETHER_CONNECT_TIMEOUT', `no connection within ${connectTimeoutMs} ms${why}`, {
    retryable: true,
    detail: { connectTimeoutMs },
    ...(cause && { cause }),
  })
}

export function pendingError(maxPending: number): AetherError {
  const message = `${maxPending} calls wait for the broker already`
  return new AetherError('ERR_AETHER_QUEUE_FULL', message, { retryable: true, detail: { maxPending } })
}

/** What one instance may have of something that the others have to know. */
export function tooManyError(what: string, limit: number): AetherError {
  const message = `${limit} ${what} are too many for one instance`
  return new AetherError('ERR_AETHER_QUEUE_FULL', message, { retryable: true, detail: { limit } })
}

/** Without a limit the broker has not said one, only ended the connection over it. */
export function tooLargeError(bytes: number, maxBytes?: number): AetherError {
  const why =
    maxBytes === undefined
      ? 'more than the broker takes: it ends the connection'
      : `over its limit of ${maxBytes}`
  return new AetherError('ERR_AETHER_PAYLOAD_TOO_LARGE', `a packet of ${bytes} bytes is ${why}`, {
    detail: { bytes, ...(maxBytes !== undefined && { maxBytes }) },
  })
}

export function noGroupsError(why: string): AetherError {
  const message = `${why}: workgroups need shared subscriptions; MQTT 5 has them, 3.1.1 on some brokers`
  return new AetherError('ERR_AETHER_CAPABILITY_UNSUPPORTED', message, { detail: { capability: 'groups' } })
}
