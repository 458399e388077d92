const brand = Symbol.for('aether.error')

/** The codes that this package throws: a subset of those of `@aether/core`, which `docs/errors.md` explains. */
export type LbErrorCode =
  | 'ERR_AETHER_ALGORITHM_INVALID'
  | 'ERR_AETHER_ATTEMPT_TIMEOUT'
  | 'ERR_AETHER_BACKENDS_NONE'
  | 'ERR_AETHER_BACKEND_DUPLICATE'
  | 'ERR_AETHER_BACKEND_UNKNOWN'
  | 'ERR_AETHER_BALANCER_CLOSED'
  | 'ERR_AETHER_BREAKER_OPEN'
  | 'ERR_AETHER_DEADLINE_EXCEEDED'
  | 'ERR_AETHER_OPERATION_INVALID'
  | 'ERR_AETHER_OPTIONS_INVALID'
  | 'ERR_AETHER_QUEUE_FULL'
  | 'ERR_AETHER_RATE_LIMITED'
  | 'ERR_AETHER_REPLICAS_SHORT'
  | 'ERR_AETHER_ROUTE_FAILED'

/** What an error carries beside its code and message. */
export interface LbErrorOptions {
  readonly cause?: unknown
  /** Whether the same call may succeed when repeated. @default false */
  readonly retryable?: boolean
  /** Facts for programs: names, ids, limits; never payloads or secrets. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/**
 * What goes wrong in this package. Bears the brand of `AetherError`, so `isAetherError` of `@aether/core` knows it, though this package does not depend
 * on that one. Branch on `code`, never on the text.
 */
export class LbError extends Error {
  readonly code: LbErrorCode
  readonly retryable: boolean
  readonly detail: Readonly<Record<string, unknown>>

  constructor(code: LbErrorCode, message: string, options: LbErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AetherError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.detail = options.detail ?? {}
    Object.defineProperty(this, brand, { value: true })
  }
}

export function invalidOption(message: string): LbError {
  return new LbError('ERR_AETHER_OPTIONS_INVALID', message)
}

export function duplicateError(what: 'backend' | 'name', id: string): LbError {
  return new LbError('ERR_AETHER_BACKEND_DUPLICATE', `there is a ${what} "${id}" already`, {
    detail: { backendId: id },
  })
}

export function closedError(): LbError {
  return new LbError('ERR_AETHER_BALANCER_CLOSED', 'the balancer was closed: it takes nothing more')
}
