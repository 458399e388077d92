import type { BalancerOptions } from '@aether/lb'
import { addBackend, capacity } from '../fleet.ts'
import { between, latencies, simulateRouted, slices } from '../routed.ts'
import type { Scenario } from '../scenario.ts'
import { quantile } from '../statistics.ts'

const joinsAtMs = 5_000
const coldSlowness = 10
const warmsMs = 3_000

const variants: Readonly<Record<string, BalancerOptions>> = {
  'weighted round robin': { algorithm: 'weighted-round-robin' },
  'weighted round robin, slow start': {
    algorithm: 'weighted-round-robin',
    slowStart: { windowMs: 10_000 },
  },
  p2c: { algorithm: 'p2c' },
  'p2c, slow start': { algorithm: 'p2c', slowStart: { windowMs: 10_000 } },
}

/** Its caches are empty and its code is not compiled: at first it takes ten times as long. */
function slownessOf(backendId: string, atMs: number): number {
  return backendId === 'b10' ? 1 + (coldSlowness - 1) * Math.exp((joinsAtMs - atMs) / warmsMs) : 1
}

/** A cold backend joins a fleet that is busy. */
export const slowStart: Scenario = {
  name: 'slow-start',
  title: 'A cold backend joins after 5 s, load 0.6',
  claim: 'With slow start the p99.9 while it warms up is at most two thirds of that without.',
  variants: Object.keys(variants),
  x: { name: 'time (s)', kind: 'linear' },
  y: { name: 'p99 (ms)', kind: 'logarithmic' },
  async run(variant, seed) {
    const { requests } = await simulateRouted(
      {
        seconds: 20,
        options: { ...variants[variant], breaker: false },
        perSecond: () => capacity * 0.6,
        serve: (backendId, atMs) => ({ slowness: slownessOf(backendId, atMs) }),
        plan: (fleet) => void fleet.clock.setTimer(() => addBackend(fleet, 10), joinsAtMs),
      },
      seed,
    )
    const warming = latencies(between(requests, joinsAtMs, joinsAtMs + 10_000))
    return {
      figures: { 'p99 ms': quantile(warming, 0.99), 'p99.9 ms': quantile(warming, 0.999) },
      line: slices(requests, (slice) => quantile(latencies(slice), 0.99)),
    }
  },
}
