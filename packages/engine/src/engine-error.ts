const brand = Symbol.for('aether.error')

export type EngineErrorCode = 'ERR_AETHER_OPTIONS_INVALID' | 'ERR_AETHER_TOPIC_INVALID'

/**
 * What the engine throws when it is misused: options or names that make no sense. Everything that can happen in good use is a result instead.
 * Carries the brand of every Aether error, so that `isAetherError` of `@aether/core` recognises it.
 */
export class EngineError extends Error {
  readonly code: EngineErrorCode
  readonly retryable: boolean = false
  readonly detail: Readonly<Record<string, unknown>>

  constructor(code: EngineErrorCode, message: string, detail: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.name = 'EngineError'
    this.code = code
    this.detail = detail
    Object.defineProperty(this, brand, { value: true })
  }
}
