import type { RetryOptions } from '@aether/lb'
import { capacity } from '../fleet.ts'
import { between, percent, simulateRouted, slices } from '../routed.ts'
import type { Scenario } from '../scenario.ts'

const stallsAtMs = 5_000
const stallMs = 1_000
const seconds = 18
/** Well after the cause is gone. */
const afterMs = 13_000

const variants: Readonly<Record<string, RetryOptions>> = {
  'no retries': { maxRetries: 0 },
  'retries within the budget': {},
  'retries without a budget': { budget: 1, minConcurrent: 1_000_000 },
}

/** Everything stops for a second. Whoever retries what was late adds load where there is too much already, and that may outlast its cause. */
export const retryStorm: Scenario = {
  name: 'retry-storm',
  title: 'All backends stop for 1 s after 5 s, load 0.7, attempts time out after 150 ms',
  claim:
    'With the budget it is over soon after the stall, as it is without retries; without the budget retries alone keep everyone late for good.',
  variants: Object.keys(variants),
  x: { name: 'time (s)', kind: 'linear' },
  y: { name: 'answered (%)', kind: 'linear' },
  async run(variant, seed) {
    const { requests, attempts } = await simulateRouted(
      {
        seconds,
        // Breakers would end the storm too, and hide what the budget does.
        options: {
          breaker: false,
          attemptTimeoutMs: 150,
          requestTimeoutMs: 1_000,
          retry: variants[variant] ?? {},
        },
        request: { idempotent: true },
        perSecond: () => capacity * 0.7,
        plan: ({ clock, servers }) => {
          clock.setTimer(() => {
            for (const server of servers.values()) server.stall(stallsAtMs + stallMs)
          }, stallsAtMs)
        },
      },
      seed,
    )
    const late = between(requests, afterMs, seconds * 1_000)
    return {
      figures: {
        'answered in the end %': percent(late, ({ isOk }) => isOk),
        'attempts per request': attempts.length / requests.length,
      },
      line: slices(requests, (slice) => percent(slice, ({ isOk }) => isOk)),
    }
  },
}
