import { AetherError, errorCodes, isAetherError } from '@aether/core'
import { createEngine } from '@aether/engine'
import type { Settlement } from '@aether/engine'
import { expect, test } from 'vitest'

import {
  closedError,
  endedError,
  floodError,
  fromEngine,
  leaseLostError,
  refusalError,
  revokeError,
  tooLargeError,
  unknownTaskError,
} from '../src/errors.ts'

test.each([
  ['workers-none', 'ERR_AETHER_WORKERS_NONE'],
  ['queue-full', 'ERR_AETHER_QUEUE_FULL'],
  ['bytes-full', 'ERR_AETHER_QUEUE_FULL'],
  ['routes-full', 'ERR_AETHER_QUEUE_FULL'],
  ['watchers-full', 'ERR_AETHER_QUEUE_FULL'],
] as const)('a refusal: %s is %s, and may be tried again', (result, code) => {
  const error = refusalError(result, 'shop/a/t/x', 't1')
  expect(error).toMatchObject({
    code,
    retryable: true,
    detail: { route: 'shop/a/t/x', tid: 't1', reason: result },
  })
  expect(error.message).toContain('t1')
})

test.each([
  ['lease-lost', undefined, 'ERR_AETHER_LEASE_LOST'],
  ['cancelled', 'user left', 'ERR_AETHER_TASK_CANCELLED'],
  ['deadline', undefined, 'ERR_AETHER_DEADLINE_EXCEEDED'],
] as const)('a revocation: %s', (reason, said, code) => {
  const error = revokeError(reason, 't1', said)
  expect(error.code).toBe(code)
  if (said !== undefined) expect(error.message).toContain(said)
})

const settlement: Settlement<never> = {
  tid: 't1',
  route: 'shop/a/t/x',
  workgroup: 'workers',
  outcome: 'failed',
  attempt: 2,
  result: undefined,
  reason: 'attempts-exhausted',
  lastError: undefined,
  cancelReason: undefined,
}
const last = { code: 'ERR_AETHER_TASK_FAILED', message: 'out of paper', retryable: true }

test.each([
  [{ reason: 'cancelled', cancelReason: 'user left' }, 'ERR_AETHER_TASK_CANCELLED'],
  [{ reason: 'queue-ttl' }, 'ERR_AETHER_TASK_EXPIRED'],
  [{ reason: 'deadline' }, 'ERR_AETHER_DEADLINE_EXCEEDED'],
  [{ reason: 'attempts-exhausted' }, 'ERR_AETHER_ATTEMPTS_EXHAUSTED'],
  [{ reason: 'attempts-exhausted', lastError: last }, 'ERR_AETHER_TASK_FAILED'],
] as const)('an end by the engine: %j', (parts, code) => {
  const shape = endedError({ ...settlement, ...parts })
  expect(shape.code).toBe(code)
  expect(errorCodes).toContain(shape.code)
  if ('cancelReason' in parts) expect(shape.message).toContain(parts.cancelReason)
  if ('lastError' in parts) expect(shape).toEqual(last)
})

test('the rest has its code too', () => {
  expect(leaseLostError('t1', 3).code).toBe('ERR_AETHER_LEASE_LOST')
  expect(tooLargeError('the task', 11, 10)).toMatchObject({
    code: 'ERR_AETHER_PAYLOAD_TOO_LARGE',
    detail: { bytes: 11, limit: 10 },
  })
  expect(closedError().code).toBe('ERR_AETHER_TRANSPORT_CLOSED')
  expect(floodError()).toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL', retryable: true })
  expect(unknownTaskError('r', 't', 'is not known').code).toBe('ERR_AETHER_TASK_UNKNOWN')
})

test('what the engine throws becomes an AetherError with the same code, and the original as its cause', () => {
  const effects = {
    deliver: () => {},
    revoke: () => {},
    settled: () => {},
    completed: () => {},
    deadLettered: () => {},
  }
  let thrown: unknown
  try {
    createEngine({ clock: { now: () => 0 }, random: () => 0, limits: { maxQueued: 0 } }, effects)
  } catch (error) {
    thrown = error
  }
  expect(isAetherError(thrown)).toBe(true)
  const error = fromEngine(thrown)
  expect(error).toBeInstanceOf(AetherError)
  expect(error.code).toBe('ERR_AETHER_OPTIONS_INVALID')
  expect(error.cause).toBe(thrown)
  expect(fromEngine(error)).toBe(error)
})
