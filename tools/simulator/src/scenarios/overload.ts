import type { BalancerOptions } from '@aether/lb'
import { capacity, slotsEach } from '../fleet.ts'
import { between, latencies, percent, simulateRouted, slices } from '../routed.ts'
import type { Scenario } from '../scenario.ts'
import { quantile } from '../statistics.ts'

const fromMs = 3_000
const toMs = 9_000
/** Whoever waits longer has left, whatever the answer. */
const patienceMs = 250

interface Variant {
  readonly options: BalancerOptions
  readonly maxConnections?: number
}

const noCoDel = { limit: 100_000, targetMs: 1_000_000 }

const variants: Readonly<Record<string, Variant>> = {
  'no limit: queues at the backends': { options: {} },
  'a queue': { options: { queue: noCoDel }, maxConnections: slotsEach },
  'a queue with CoDel': { options: {}, maxConnections: slotsEach },
  'adaptive concurrency and CoDel': { options: { concurrency: { min: 20, max: 1_000 } } },
}

/** More comes for some seconds than can be served. Someone has to be refused; the question is whether anyone else is served in time. */
export const overload: Scenario = {
  name: 'overload',
  title: `Load 1.5 from 3 s to 9 s, otherwise 0.6; answers after ${patienceMs} ms come too late`,
  claim:
    'Without control hardly anyone is answered in time; with CoDel or adaptive concurrency nine tenths of what can be served are.',
  variants: Object.keys(variants),
  x: { name: 'time (s)', kind: 'linear' },
  y: { name: 'answered in time (requests/s)', kind: 'linear' },
  async run(variant, seed) {
    const { options, maxConnections } = variants[variant] as Variant
    const { requests } = await simulateRouted(
      {
        seconds: 12,
        options: { breaker: false, requestTimeoutMs: 2_000, ...options },
        ...(maxConnections !== undefined && { maxConnections }),
        perSecond: (atMs) => capacity * (atMs >= fromMs && atMs < toMs ? 1.5 : 0.6),
      },
      seed,
    )
    const isInTime = ({ isOk, latencyMs }: { readonly isOk: boolean; readonly latencyMs: number }): boolean =>
      isOk && latencyMs <= patienceMs
    // The first second of it is the burst that any queue may take.
    const busy = between(requests, fromMs + 1_000, toMs)
    const served = latencies(busy.filter(({ isOk }) => isOk))
    return {
      figures: {
        'in time, of capacity %': percent(busy, isInTime) * 1.5,
        'p99 of answers ms': quantile(served, 0.99),
      },
      line: slices(requests, (slice) => slice.filter(isInTime).length * 2),
    }
  },
}
