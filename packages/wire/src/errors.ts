const brand = Symbol.for('aether.error')

/** The codes that this package throws or hands on from a broker: a subset of those of `@aether/core`, which `docs/errors.md` explains. */
export type WireErrorCode = `ERR_AETHER_${string}`

export interface WireErrorOptions {
  readonly cause?: unknown
  /** Whether the same call may succeed when repeated. @default false */
  readonly retryable?: boolean
  /** Facts for programs: names, ids, limits; never payloads or secrets. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/**
 * What goes wrong in this package. Bears the brand of `AetherError`, so `isAetherError` of `@aether/core` knows it, though this package depends on
 * nothing. Branch on `code`, never on the text.
 */
export class WireError extends Error {
  readonly code: WireErrorCode
  readonly retryable: boolean
  readonly detail: Readonly<Record<string, unknown>>

  constructor(code: WireErrorCode, message: string, options: WireErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AetherError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.detail = options.detail ?? {}
    Object.defineProperty(this, brand, { value: true })
  }
}

/** The error of a frame whose fields do not fit its length or hold what the protocol forbids. */
export function invalidFrame(message: string): WireError {
  return new WireError('ERR_AETHER_FRAME_INVALID', message)
}
