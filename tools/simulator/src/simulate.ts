import { type AlgorithmName, createBalancer, seededRandom } from '@aether/lb'
import { EventClock } from './event-clock.ts'
import { backendCount, meanServiceMs, type Scenario, slotsEach } from './scenario.ts'
import { Server } from './server.ts'

export interface SimulationOptions {
  readonly algorithm: AlgorithmName
  /** Simulated seconds that count, after the first five. @default 60 */
  readonly seconds?: number
  readonly seed?: number
}

export interface Simulated {
  readonly algorithm: AlgorithmName
  readonly requests: number
  /** Milliseconds, ascending. */
  readonly latencies: Float64Array
}

const warmUpMs = 5_000

/**
 * Requests at random times (Poisson) with service times at random (exponential), each sent where the real balancer says. The same seed makes the same
 * arrivals and service times for every algorithm.
 */
export function simulate(scenario: Scenario, options: SimulationOptions): Simulated {
  const { algorithm, seconds = 60, seed = 1 } = options
  const clock = new EventClock()
  const arrivals = seededRandom(seed)
  const services = seededRandom(seed + 1)
  const lb = createBalancer({
    algorithm,
    clock,
    random: seededRandom(seed + 2),
    breaker: false,
    metrics: false,
    explain: 0,
  })
  const servers = scenario.slowness.map((slowness, index) => {
    lb.add({ id: `b${index}`, host: 'simulated', port: index + 1, maxConnections: 1_000_000 })
    return { slowness, server: new Server(clock, slotsEach) }
  })
  const byId = new Map(servers.map((server, index) => [`b${index}`, server]))
  const latencies: number[] = []
  const endMs = warmUpMs + seconds * 1_000
  const gapMs = meanServiceMs / (backendCount * slotsEach * scenario.utilisation)

  const arrive = (): void => {
    const startedAt = clock.monotonic()
    const lease = lb.pick()
    const { slowness, server } = byId.get(lease.backend.id) as (typeof servers)[number]
    server.serve(exponential(services, meanServiceMs) * slowness, () => {
      lease.done('ok')
      if (startedAt >= warmUpMs) latencies.push(clock.monotonic() - startedAt)
    })
    const delayMs = exponential(arrivals, gapMs)
    if (clock.monotonic() + delayMs < endMs) clock.setTimer(arrive, delayMs)
  }
  planStalls(scenario, clock, servers[0] as (typeof servers)[number])
  clock.setTimer(arrive, 0)
  clock.runUntil(endMs)
  // What still waits belongs to the picture: under round robin it is the worst of it.
  clock.runUntil(endMs + 600_000)
  const sorted = Float64Array.from(latencies).sort()
  return { algorithm, requests: sorted.length, latencies: sorted }
}

/** `sorted` ascending; linear between the two nearest ranks. */
export function quantile(sorted: Float64Array, q: number): number {
  const position = (sorted.length - 1) * q
  const below = Math.floor(position)
  const low = sorted[below] ?? 0
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? 0
  return low + (high - low) * (position - below)
}

function planStalls(scenario: Scenario, clock: EventClock, { server }: { readonly server: Server }): void {
  const { stall } = scenario
  if (stall === undefined) return
  let planned = 0
  const begin = (): void => {
    server.stall(clock.monotonic() + stall.lengthMs)
    if (++planned < 100) clock.setTimer(begin, stall.everyMs)
  }
  clock.setTimer(begin, warmUpMs + stall.everyMs / 2)
}

function exponential(random: () => number, mean: number): number {
  return -Math.log(1 - random()) * mean
}
