import type { AlgorithmName } from '@aether/lb'
import { backendCount, capacity, exponential, type Fleet, fleet, meanServiceMs } from './fleet.ts'
import type { Measured, Scenario } from './scenario.ts'
import { quantile } from './statistics.ts'

/** A world whose tail latencies are compared by algorithm. */
export interface TailWorld {
  /** Load as a part of what all backends could serve if all were as quick as they are meant to be. */
  readonly utilisation: number
  /** How many times longer each backend takes than the mean. */
  readonly slowness: readonly number[]
  /** One backend stops for so long, once. */
  readonly stallMs: number
}

export interface TailOptions {
  readonly algorithm: AlgorithmName
  readonly seed: number
  /** Simulated seconds that count, after the first five. @default 60 */
  readonly seconds?: number
}

export const warmUpMs = 5_000
/** Until everything that came is served, also where a queue grew all the time. */
const longestMs = 600_000

/** Latencies in milliseconds, ascending, of requests that come at random (Poisson) with service times at random (exponential), each sent where the balancer says. */
export function simulateTail(world: TailWorld, options: TailOptions): Float64Array {
  const { algorithm, seed, seconds = 60 } = options
  const made = fleet(seed, { algorithm, breaker: false })
  const { lb, clock, servers, arrivals, services } = made
  const latencies: number[] = []
  const endMs = warmUpMs + seconds * 1_000
  const gapMs = 1_000 / (capacity * world.utilisation)

  const arrive = (): void => {
    const startedAt = clock.monotonic()
    const lease = lb.pick()
    const { id, port } = lease.backend
    const serviceMs = exponential(services, meanServiceMs) * (world.slowness[port - 1] ?? 1)
    servers.get(id)?.serve(serviceMs, () => {
      lease.done('ok')
      if (startedAt >= warmUpMs) latencies.push(clock.monotonic() - startedAt)
    })
    const delayMs = exponential(arrivals, gapMs)
    if (clock.monotonic() + delayMs < endMs) clock.setTimer(arrive, delayMs)
  }
  planStall(made, world.stallMs)
  clock.setTimer(arrive, 0)
  clock.runUntil(endMs + longestMs)
  return Float64Array.from(latencies).sort()
}

function planStall({ clock, servers }: Fleet, stallMs: number): void {
  if (stallMs === 0) return
  const beginMs = warmUpMs + 10_000
  clock.setTimer(() => servers.get('b0')?.stall(beginMs + stallMs), beginMs)
}

export const tailAlgorithms: readonly AlgorithmName[] = [
  'round-robin',
  'least-connections',
  'p2c',
  'peak-ewma',
]

const equal = new Array<number>(backendCount).fill(1)

export type TailName = 'homogeneous' | 'one-slow' | 'one-stalls'

export const tailWorlds: Readonly<Record<TailName, TailWorld>> = {
  homogeneous: { utilisation: 0.8, slowness: equal, stallMs: 0 },
  'one-slow': { utilisation: 0.6, slowness: [5, ...equal.slice(1)], stallMs: 0 },
  'one-stalls': { utilisation: 0.8, slowness: equal, stallMs: 2_000 },
}

function measureTail(latencies: Float64Array): Measured {
  return {
    figures: { 'p99 ms': quantile(latencies, 0.99), 'p99.9 ms': quantile(latencies, 0.999) },
    line: Array.from({ length: 75 }, (_, step) => {
      const nines = 0.3 + step / 20
      return [nines, quantile(latencies, 1 - 10 ** -nines)]
    }),
  }
}

function tailScenario(name: TailName, words: { readonly title: string; readonly claim: string }): Scenario {
  return {
    name,
    ...words,
    variants: tailAlgorithms,
    x: { name: 'percentile', kind: 'nines' },
    y: { name: 'latency (ms)', kind: 'logarithmic' },
    run: async (variant, seed) =>
      measureTail(simulateTail(tailWorlds[name], { algorithm: variant as AlgorithmName, seed })),
  }
}

export const tailScenarios: readonly Scenario[] = [
  tailScenario('homogeneous', {
    title: 'Ten equal backends, load 0.8',
    claim:
      'Two choices are as good as looking at everyone: the p99 of P2C is at most 1.1 times that of least connections.',
  }),
  tailScenario('one-slow', {
    title: 'One of ten backends 5 times slower, load 0.6',
    claim:
      'Round robin drowns the slow one, and its tail grows for as long as one looks; the p99.9 of peak EWMA is at most 0.8 times that of P2C.',
  }),
  tailScenario('one-stalls', {
    title: 'One of ten backends stops once for 2 s, load 0.8',
    claim:
      'Round robin sends a tenth of everyone into the stall; who looks at requests under way hardly notices it.',
  }),
]
