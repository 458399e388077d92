import { type BalancerOptions, type Balancer, createBalancer, type Random, seededRandom } from '@aether/lb'
import { EventClock } from './event-clock.ts'
import { Server } from './server.ts'

/** Ten backends of eight slots, each of which serves a hundred requests a second: what all scenarios are about. */
export const backendCount = 10
export const slotsEach = 8
export const meanServiceMs = 10
/** Requests per second that all of them can serve. */
export const capacity: number = (backendCount * slotsEach * 1_000) / meanServiceMs

/** The real balancer on simulated time, with simulated servers behind it. */
export interface Fleet {
  readonly lb: Balancer
  readonly clock: EventClock
  /** By backend id: `b0`, `b1`, … */
  readonly servers: Map<string, Server>
  readonly arrivals: Random
  readonly services: Random
}

/** `maxConnections` of each backend; without it requests queue at the servers, not in the balancer. */
export function fleet(seed: number, options: BalancerOptions, maxConnections = 1_000_000): Fleet {
  const clock = new EventClock()
  const lb = createBalancer({
    clock,
    random: seededRandom(seed + 2),
    metrics: false,
    explain: 0,
    ...options,
  })
  const servers = new Map<string, Server>()
  const made = { lb, clock, servers, arrivals: seededRandom(seed), services: seededRandom(seed + 1) }
  for (let index = 0; index < backendCount; index++) addBackend(made, index, maxConnections)
  return made
}

export function addBackend(
  { lb, clock, servers }: Pick<Fleet, 'lb' | 'clock' | 'servers'>,
  index: number,
  maxConnections = 1_000_000,
): void {
  const { id } = lb.add({ id: `b${index}`, host: 'simulated', port: index + 1, maxConnections })
  servers.set(id, new Server(clock, slotsEach))
}

export function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random()) * mean
}
