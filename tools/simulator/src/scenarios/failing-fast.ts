import type { BalancerOptions } from '@aether/lb'
import { capacity } from '../fleet.ts'
import { between, percent, simulateRouted, slices } from '../routed.ts'
import type { Scenario } from '../scenario.ts'

const failsFromMs = 5_000
const failsToMs = 15_000

const variants: Readonly<Record<string, BalancerOptions>> = {
  'least connections alone': { algorithm: 'least-connections', breaker: false },
  'p2c alone': { algorithm: 'p2c', breaker: false },
  'peak EWMA alone': { algorithm: 'peak-ewma', breaker: false },
  'p2c, outlier ejection': { algorithm: 'p2c', breaker: false, outlier: {} },
  'p2c, breaker': { algorithm: 'p2c' },
}

/** A backend that answers nothing but errors, and these at once, looks idle: it draws everyone who counts requests under way. */
export const failingFast: Scenario = {
  name: 'failing-fast',
  title: 'One of ten backends fails within 1 ms from 5 s to 15 s, load 0.6',
  claim:
    'Alone, least connections send it more than a third of all requests; peak EWMA, ejection and breakers keep failures below one percent.',
  variants: Object.keys(variants),
  x: { name: 'time (s)', kind: 'linear' },
  y: { name: 'failed requests (%)', kind: 'linear' },
  async run(variant, seed) {
    const { requests } = await simulateRouted(
      {
        seconds: 20,
        options: variants[variant] ?? {},
        perSecond: () => capacity * 0.6,
        serve: (backendId, atMs) =>
          backendId === 'b0' && atMs >= failsFromMs && atMs < failsToMs ? { failsAfterMs: 1 } : {},
      },
      seed,
    )
    const isFailed = ({ isOk }: { readonly isOk: boolean }): boolean => !isOk
    return {
      figures: { 'failed %': percent(between(requests, failsFromMs, failsToMs), isFailed) },
      line: slices(requests, (slice) => percent(slice, isFailed)),
    }
  },
}
