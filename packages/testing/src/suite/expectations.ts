import { isAetherError } from '@aether/core'
import type { AetherError, ErrorCode } from '@aether/core'
import { expect } from 'vitest'

import { pause } from '../until.ts'

/** Resolves with the error when `call` rejects with an `AetherError` of one of `codes`; fails otherwise. */
export async function expectCode(
  call: Promise<unknown>,
  ...codes: readonly ErrorCode[]
): Promise<AetherError> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if (!('error' in outcome))
    throw new Error(
      `expected a rejection with ${codes.join(' or ')}, but it resolved with ${describe(outcome.value)}`,
    )
  const { error } = outcome
  if (!isAetherError(error) || !codes.includes(error.code))
    throw new Error(`expected a rejection with ${codes.join(' or ')}, not ${describe(error)}`, {
      cause: error,
    })
  return error
}

/** Resolves when `call` rejects with `reason` itself. */
export async function expectReason(call: Promise<unknown>, reason: unknown): Promise<void> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if (!('error' in outcome))
    throw new Error(`expected a rejection, but it resolved with ${describe(outcome.value)}`)
  if (outcome.error !== reason)
    throw new Error(`expected the signal's own reason, not ${describe(outcome.error)}`, {
      cause: outcome.error,
    })
}

/** The same promise, whose rejection is not unhandled when the case fails before it looks at it. */
export function observed<T>(call: Promise<T>): Promise<T> {
  call.catch(() => undefined)
  return call
}

/** Shows that `condition` holds now and keeps holding for `windowMs`: for what must *not* happen. */
export async function holds(what: string, condition: () => boolean, windowMs = 120): Promise<void> {
  const endsAt = performance.now() + windowMs
  do {
    expect(condition(), what).toBe(true)
    await pause(10)
  } while (performance.now() < endsAt)
  expect(condition(), what).toBe(true)
}

/** Fails when `call` has not settled within `timeoutMs`: no wait is without end. */
export async function bounded<T>(what: string, call: PromiseLike<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what}: not settled within ${String(timeoutMs)} ms`)),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}

function describe(value: unknown): string {
  if (isAetherError(value)) return `${value.code}: ${value.message}`
  return value instanceof Error ? `${value.name}: ${value.message}` : JSON.stringify(value)
}
