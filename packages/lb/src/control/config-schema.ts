import type * as z from 'zod'
import type { BackendOptions } from '../backends/backend.ts'
import type { BalancerOptions } from '../options.ts'
import { algorithm } from './algorithm-schema.ts'
import { backends } from './backend-schema.ts'
import {
  affinity,
  breaker,
  concurrency,
  groups,
  healthCheck,
  hedge,
  outlier,
  queue,
  rateLimit,
  retry,
  slowStart,
} from './config-sections.ts'
import {
  anything,
  countOrNone,
  flag,
  number,
  positiveShare,
  seconds,
  secondsOrNone,
  section,
  share,
  text,
} from './fields.ts'

type Switched = 'healthCheck' | 'rateLimit' | 'outlier' | 'slowStart' | 'hedge' | 'concurrency' | 'affinity'
type Balancing = Omit<BalancerOptions, Switched> & {
  readonly [K in Switched]?: BalancerOptions[K] | false
} & { readonly maxRetries?: number }

/** The options of a balancer in the words of the document, and in words like them for what it does not have. */
const balancing: z.ZodType<BalancerOptions> = section<Balancing>({
  algorithm: ['algorithm', algorithm],
  health_check: ['healthCheck', healthCheck],
  circuit_breaker: ['breaker', breaker],
  rate_limit: ['rateLimit', rateLimit],
  request_timeout: ['requestTimeoutMs', seconds],
  attempt_timeout: ['attemptTimeoutMs', seconds],
  max_retries: ['maxRetries', countOrNone],
  retry: ['retry', retry],
  hedge: ['hedge', hedge],
  queue: ['queue', queue],
  concurrency: ['concurrency', concurrency],
  session_affinity: ['affinity', affinity],
  outlier_detection: ['outlier', outlier],
  slow_start: ['slowStart', slowStart],
  panic_threshold: ['panicThreshold', share],
  degraded_share: ['degradedShare', positiveShare],
  zone: ['zone', text],
  groups: ['groups', groups],
  failure_penalty: ['failurePenaltyMs', secondsOrNone],
  latency_decay: ['decayMs', seconds],
  metrics_enabled: ['metrics', flag],
  explain: ['explain', countOrNone],
  drain_timeout: ['drainTimeoutMs', seconds],
  hash_key: [
    'hashKey',
    number('an integer from 0 to 4294967295', { min: 0, max: 4_294_967_295, integer: true }),
  ],
}).transform(withDefaults)

/** What the document turns on unless it is told otherwise: checks, and the limit on all requests. All other defaults are those of the options. */
function withDefaults(given: Balancing): BalancerOptions {
  const {
    healthCheck: health = { probe: 'tcp' as const },
    rateLimit: limit = {},
    maxRetries,
    retry: retries,
    ...rest
  } = given
  const options = {
    ...rest,
    healthCheck: health,
    rateLimit: limit && { requestsPerSecond: 1_000, ...limit },
    ...((maxRetries !== undefined || retries !== undefined) && {
      retry: { ...retries, ...(maxRetries !== undefined && { maxRetries }) },
    }),
  }
  // `false` is for breakers alone, which are on otherwise; what else is off is left out.
  const on = Object.entries(options).filter(
    ([name, value]) => value !== false || name === 'breaker' || name === 'metrics',
  )
  return Object.fromEntries(on)
}

/** What a configuration file says. */
export interface LbConfig {
  readonly options: BalancerOptions
  readonly backends: readonly BackendOptions[]
  /** For the application: the balancer takes a logger, and has no port of its own. */
  readonly logging: Readonly<Record<string, unknown>>
  readonly monitoring: Readonly<Record<string, unknown>>
}

export const configSchema: z.ZodType<LbConfig> = section<Partial<LbConfig>>({
  load_balancing: ['options', balancing],
  backends: ['backends', backends],
  logging: ['logging', anything],
  monitoring: ['monitoring', anything],
}).transform(
  ({ options = withDefaults({}), backends: list = [], logging = {}, monitoring = {} }): LbConfig => ({
    options,
    backends: list,
    logging,
    monitoring,
  }),
)
