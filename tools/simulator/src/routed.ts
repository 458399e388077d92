import type { BalancerOptions, LbRequest } from '@aether/lb'
import { exponential, type Fleet, fleet, meanServiceMs } from './fleet.ts'

/** One attempt at a server: how much longer it takes than usual, and whether it fails. */
export interface Service {
  /** @default 1 */
  readonly slowness?: number
  /** Fails after so long without taking a slot. @default it serves */
  readonly failsAfterMs?: number
}

/** A world of requests that go through `lb.route`, with all that it does. */
export interface RoutedWorld {
  readonly seconds: number
  readonly options: BalancerOptions
  /** Requests at a time of each backend. @default no limit: they queue at the servers */
  readonly maxConnections?: number
  readonly request?: LbRequest
  readonly perSecond: (atMs: number) => number
  readonly serve?: (backendId: string, atMs: number) => Service
  /** What else happens. */
  readonly plan?: (fleet: Fleet) => void
}

export interface RoutedRequest {
  readonly startedAt: number
  readonly latencyMs: number
  readonly isOk: boolean
}

export interface Routed {
  /** In the order in which they ended. */
  readonly requests: readonly RoutedRequest[]
  readonly attempts: readonly { readonly at: number; readonly backendId: string }[]
}

/** Servers do not notice that a client has left: what was begun is done to its end, as with most that exist. */
export async function simulateRouted(world: RoutedWorld, seed: number): Promise<Routed> {
  const made = fleet(seed, world.options, world.maxConnections)
  const { lb, clock, servers, arrivals, services } = made
  const requests: RoutedRequest[] = []
  const attempts: { at: number; backendId: string }[] = []
  const endMs = world.seconds * 1_000

  const attempt = (backendId: string): Promise<void> => {
    const at = clock.monotonic()
    attempts.push({ at, backendId })
    const { slowness = 1, failsAfterMs } = world.serve?.(backendId, at) ?? {}
    const serviceMs = exponential(services, meanServiceMs) * slowness
    return new Promise((resolve, reject) => {
      if (failsAfterMs === undefined) servers.get(backendId)?.serve(serviceMs, resolve)
      else clock.setTimer(() => reject(new Error('failed')), failsAfterMs)
    })
  }
  const arrive = (): void => {
    const startedAt = clock.monotonic()
    const settle = (isOk: boolean): void => {
      requests.push({ startedAt, latencyMs: clock.monotonic() - startedAt, isOk })
    }
    void lb
      .route(world.request ?? {}, ({ backend }) => attempt(backend.id))
      .then(
        () => settle(true),
        () => settle(false),
      )
    const delayMs = exponential(arrivals, 1_000 / world.perSecond(startedAt))
    if (startedAt + delayMs < endMs) clock.setTimer(arrive, delayMs)
  }
  lb.start()
  world.plan?.(made)
  clock.setTimer(arrive, 0)
  await clock.passUntil(endMs)
  const closing = lb.close()
  await clock.passUntil(endMs + 60_000)
  await closing
  return { requests, attempts }
}

/** Requests by the time at which they came, in slices of half a second, each with its middle in seconds. */
export function slices<T>(
  requests: readonly RoutedRequest[],
  measure: (slice: readonly RoutedRequest[]) => T,
): readonly (readonly [seconds: number, value: T])[] {
  const sliceMs = 500
  const byTime = new Map<number, RoutedRequest[]>()
  for (const request of requests) {
    const slice = Math.floor(request.startedAt / sliceMs)
    const found = byTime.get(slice)
    if (found === undefined) byTime.set(slice, [request])
    else found.push(request)
  }
  return [...byTime]
    .toSorted(([a], [b]) => a - b)
    .map(([slice, members]) => [((slice + 0.5) * sliceMs) / 1_000, measure(members)])
}

export function between(
  requests: readonly RoutedRequest[],
  fromMs: number,
  toMs: number,
): readonly RoutedRequest[] {
  return requests.filter(({ startedAt }) => startedAt >= fromMs && startedAt < toMs)
}

/** Part of the requests for which it holds, in percent. */
export function percent(
  requests: readonly RoutedRequest[],
  holds: (request: RoutedRequest) => boolean,
): number {
  return (requests.filter(holds).length * 100) / requests.length
}

export function latencies(requests: readonly RoutedRequest[]): readonly number[] {
  return requests.map(({ latencyMs }) => latencyMs).toSorted((a, b) => a - b)
}
