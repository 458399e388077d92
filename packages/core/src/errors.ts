const brand = Symbol.for('aether.error')

/** Every code that an Aether package throws or carries over the wire; `docs/errors.md` explains each. */
export const errorCodes = [
  'ERR_AETHER_ALGORITHM_INVALID',
  'ERR_AETHER_ATTEMPTS_EXHAUSTED',
  'ERR_AETHER_ATTEMPT_TIMEOUT',
  'ERR_AETHER_BACKENDS_NONE',
  'ERR_AETHER_BACKEND_DUPLICATE',
  'ERR_AETHER_BACKEND_UNKNOWN',
  'ERR_AETHER_BALANCER_CLOSED',
  'ERR_AETHER_BREAKER_OPEN',
  'ERR_AETHER_CAPABILITY_UNSUPPORTED',
  'ERR_AETHER_CHANNEL_UNKNOWN',
  'ERR_AETHER_CLIENT_CLOSED',
  'ERR_AETHER_CONNECT_FAILED',
  'ERR_AETHER_CONNECT_TIMEOUT',
  'ERR_AETHER_DEADLINE_EXCEEDED',
  'ERR_AETHER_ENVELOPE_INVALID',
  'ERR_AETHER_FRAME_INVALID',
  'ERR_AETHER_FRAME_TOO_LARGE',
  'ERR_AETHER_FRAME_UNKNOWN',
  'ERR_AETHER_HANDLER_DUPLICATE',
  'ERR_AETHER_HANDLER_MISSING',
  'ERR_AETHER_INPUT_INVALID',
  'ERR_AETHER_LEASE_LOST',
  'ERR_AETHER_NAME_INVALID',
  'ERR_AETHER_OPERATION_INVALID',
  'ERR_AETHER_OPTIONS_INVALID',
  'ERR_AETHER_OUTPUT_INVALID',
  'ERR_AETHER_PAYLOAD_TOO_LARGE',
  'ERR_AETHER_PAYLOAD_UNDECODABLE',
  'ERR_AETHER_PAYLOAD_UNENCODABLE',
  'ERR_AETHER_PORT_IN_USE',
  'ERR_AETHER_PROGRESS_INVALID',
  'ERR_AETHER_PROTOCOL_VERSION',
  'ERR_AETHER_QUEUE_FULL',
  'ERR_AETHER_RATE_LIMITED',
  'ERR_AETHER_REPLICAS_SHORT',
  'ERR_AETHER_REQUEST_TIMEOUT',
  'ERR_AETHER_RESPONDERS_NONE',
  'ERR_AETHER_ROUTE_FAILED',
  'ERR_AETHER_SUBSCRIPTION_OVERFLOW',
  'ERR_AETHER_TASK_CANCELLED',
  'ERR_AETHER_TASK_DUPLICATE',
  'ERR_AETHER_TASK_EXPIRED',
  'ERR_AETHER_TASK_FAILED',
  'ERR_AETHER_TASK_UNKNOWN',
  'ERR_AETHER_TOKEN_REFUSED',
  'ERR_AETHER_TOPIC_INVALID',
  'ERR_AETHER_TRANSPORT_CLOSED',
  'ERR_AETHER_TRANSPORT_LOST',
  'ERR_AETHER_WORKERS_NONE',
  'ERR_AETHER_WORKER_CLOSED',
  'ERR_AETHER_WORKER_SHUTDOWN',
] as const

export type ErrorCode = (typeof errorCodes)[number]

export interface AetherErrorOptions {
  readonly cause?: unknown
  /** Whether the same call may succeed when repeated. @default false */
  readonly retryable?: boolean
  /** Facts for programs: names, ids, limits; never payloads or secrets. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/** The one error class of Aether: branch on `code`, never on the text. */
export class AetherError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly detail: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: AetherErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AetherError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.detail = options.detail ?? {}
    Object.defineProperty(this, brand, { value: true })
  }
}

/** Recognises an `AetherError`, also one that another copy of this package made. */
export function isAetherError(value: unknown): value is AetherError {
  if (typeof value !== 'object' || value === null) return false
  try {
    return (value as Record<symbol, unknown>)[brand] === true
  } catch {
    // A revoked proxy, or one that throws.
    return false
  }
}

/** An error as it travels: the plain fields that both sides of a transport understand. */
export interface ErrorShape {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly detail?: Readonly<Record<string, unknown>>
}
