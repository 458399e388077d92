export interface UntilOptions {
  /** How long to wait before failing. @default 10_000 */
  readonly timeoutMs?: number
  /** Pause between two looks. @default 5 */
  readonly intervalMs?: number
  /** What is waited for: named in the failure. */
  readonly what?: string | (() => string)
}

/**
 * Resolves with the first value of `condition` that is neither `false`, `null` nor `undefined`; fails after `timeoutMs`. A condition that throws has not
 * come true yet; what it threw last becomes the `cause`.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const timeoutMs = options.timeoutMs ?? 10_000
  const startedAt = performance.now()
  let lastError: unknown
  for (;;) {
    try {
      const value = await condition()
      if (value !== false && value !== null && value !== undefined)
        return value as NonNullable<Exclude<T, false>>
      lastError = undefined
    } catch (error) {
      lastError = error
    }
    if (performance.now() - startedAt >= timeoutMs) throw timedOut(options, timeoutMs, condition, lastError)
    await pause(options.intervalMs ?? 5)
  }
}

function timedOut(options: UntilOptions, timeoutMs: number, condition: () => unknown, cause: unknown): Error {
  const what = typeof options.what === 'function' ? options.what() : options.what
  const text = what ?? condition.toString().replaceAll(/\s+/g, ' ').slice(0, 160)
  return new Error(`not within ${String(timeoutMs)} ms: ${text}`, cause === undefined ? undefined : { cause })
}

/** Lets time pass: to poll with, or to show that something does *not* happen for a while; never to wait for what has a condition. */
export function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs)
  })
}
