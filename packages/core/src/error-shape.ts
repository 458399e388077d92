import { AetherError, errorCodes, isAetherError, type ErrorCode, type ErrorShape } from './errors.ts'

const knownCodes: ReadonlySet<string> = new Set(errorCodes)

/** Longer texts are cut: an error travels, a log does not. */
const maxMessageChars = 1_000

/**
 * What was thrown, as it travels. An `AetherError` keeps its code; anything else becomes `ERR_AETHER_TASK_FAILED`, retryable unless it says
 * `retryable: false`. Stacks and causes stay at home.
 */
export function toErrorShape(thrown: unknown): ErrorShape {
  try {
    return shapeOf(thrown)
  } catch {
    // A getter that throws or a revoked proxy: nothing can be read of it, and telling so must not fail.
    return { code: 'ERR_AETHER_TASK_FAILED', message: unreadable, retryable: true }
  }
}

const unreadable = 'what was thrown cannot be read'

function shapeOf(thrown: unknown): ErrorShape {
  if (isAetherError(thrown) && typeof thrown.code === 'string') {
    const { code, retryable, detail } = thrown
    const message = String(thrown.message).slice(0, maxMessageChars)
    const shape = { code, message, retryable: retryable === true }
    return typeof detail === 'object' && isPlainData(detail) ? { ...shape, detail } : shape
  }
  const name = thrown instanceof Error ? String(thrown.name) : typeof thrown
  return {
    code: 'ERR_AETHER_TASK_FAILED',
    message: textOf(thrown).slice(0, maxMessageChars),
    retryable: isRetryable(thrown),
    detail: { name },
  }
}

/** The error that a shape describes; a code of a newer peer becomes `ERR_AETHER_TASK_FAILED` with the code in its detail. */
export function errorFromShape(shape: ErrorShape): AetherError {
  const isKnown = knownCodes.has(shape.code)
  const detail = isKnown ? shape.detail : { ...shape.detail, code: shape.code }
  return new AetherError(isKnown ? (shape.code as ErrorCode) : 'ERR_AETHER_TASK_FAILED', shape.message, {
    retryable: shape.retryable,
    ...(detail === undefined ? {} : { detail }),
  })
}

/** What was thrown as an `AetherError`: itself, or `code` with it as its cause. */
export function asAetherError(thrown: unknown, code: ErrorCode = 'ERR_AETHER_TASK_FAILED'): AetherError {
  if (isAetherError(thrown)) return thrown
  return new AetherError(code, textOf(thrown), { cause: thrown, retryable: isRetryable(thrown) })
}

/** Whether trying again may help: an error says so itself, everything else may. */
export function isRetryable(thrown: unknown): boolean {
  try {
    return (thrown as { retryable?: unknown } | null | undefined)?.retryable !== false
  } catch {
    // Who cannot say no has not said it.
    return true
  }
}

/** What a reason for aborting says, as text. */
export function textOf(reason: unknown): string {
  try {
    if (reason instanceof Error) return String(reason.message || reason.name)
    return typeof reason === 'string' ? reason : `a ${typeof reason} was thrown`
  } catch {
    return unreadable
  }
}

/** Whether JSON keeps it: a detail with a cycle or a BigInt must not turn a failure into another one. */
function isPlainData(detail: object): boolean {
  try {
    return JSON.stringify(detail) !== '{}'
  } catch {
    return false
  }
}
