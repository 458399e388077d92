import type { Backend } from '../backends/backend.ts'
import type { Endpoint } from '../backends/endpoint.ts'
import { LbError } from '../errors.ts'
import type { LbRequest } from './request.ts'
import { nameOf } from './route-errors.ts'

/** Whether some backend could take this request if it had a free slot. */
export function isServable(
  endpoints: readonly Endpoint[],
  request: LbRequest,
  tried: readonly Backend[],
): boolean {
  for (const endpoint of endpoints) if (endpoint.isEligible && suits(endpoint, request, tried)) return true
  return false
}

/** The error for a request that nobody could take even with free slots. */
export function unavailable(
  endpoints: readonly Endpoint[],
  request: LbRequest,
  tried: readonly Backend[],
): LbError {
  const { requires = [] } = request
  const fit = endpoints.filter((endpoint) => suits(endpoint, request, tried))
  const up = fit.filter((endpoint) => !endpoint.isDraining)
  const detail = { backends: endpoints.length, suitable: fit.length, requires }
  if (up.length > 0 && up.every((endpoint) => endpoint.breaker.state === 'open'))
    return new LbError(
      'ERR_AETHER_BREAKER_OPEN',
      `${nameOf(request)} finds the breakers of all ${up.length} backends open: wait until they are probed`,
      { retryable: true, detail },
    )
  return new LbError('ERR_AETHER_BACKENDS_NONE', `${nameOf(request)} finds no backend: ${why()}`, {
    retryable: true,
    detail,
  })

  function why(): string {
    if (endpoints.length === 0) return 'there are none, add one'
    const needs = requires.length === 0 ? '' : ` (it requires ${requires.join(', ')})`
    if (fit.length === 0) return `none of ${endpoints.length} suits it${needs}`
    return `of ${endpoints.length} there are ${fit.length} that suit it${needs}, and none of these is up`
  }
}

/** No slot is free, and it may not wait for one. */
export function queueFull(request: LbRequest, queued: number, active: number): LbError {
  const what =
    queued === 0 ? 'no slot is free, and it may not wait' : `no slot is free, and ${queued} wait already`
  return full(`${nameOf(request)} is refused: ${what}; add backends, or raise maxConnections`, {
    reason: 'full',
    queued,
    active,
  })
}

/** Adaptive concurrency allows no more at a time. */
export function limitReached(request: LbRequest, limit: number, active: number): LbError {
  return full(`${nameOf(request)} is refused: ${limit} requests at a time are what the backends bear now`, {
    reason: 'limit',
    limit,
    active,
  })
}

/** Waited too long behind a standing queue. */
export function overloaded(request: LbRequest, waitedMs: number): LbError {
  return full(`${nameOf(request)} is refused: it waited ${Math.round(waitedMs)} ms in a queue that stands`, {
    reason: 'overload',
    waitedMs,
  })
}

function full(message: string, detail: Readonly<Record<string, unknown>>): LbError {
  return new LbError('ERR_AETHER_QUEUE_FULL', message, { retryable: true, detail })
}

function suits(endpoint: Endpoint, request: LbRequest, tried: readonly Backend[]): boolean {
  if (tried.includes(endpoint) || request.exclude?.includes(endpoint) === true) return false
  return request.requires?.every((each) => endpoint.capabilities.includes(each)) ?? true
}
