import * as z from 'zod'
import type { AffinityOptions } from '../affinity/affinity-options.ts'
import type { BreakerOptions } from '../health/circuit-breaker.ts'
import type { HealthCheckOptions } from '../health/health-checker.ts'
import type { HttpProbeOptions } from '../health/http-probe.ts'
import type { OutlierOptions } from '../health/outlier-detector.ts'
import type { SlowStartOptions } from '../health/slow-start.ts'
import type { RateLimitOptions } from '../limits/rate-limit-options.ts'
import type { QueueOptions } from '../requests/admission-queue.ts'
import type { ConcurrencyOptions } from '../requests/gradient-limit.ts'
import type { HedgeOptions, RetryOptions } from '../requests/retry-policy.ts'
import type { ReplicaGroup } from '../scaling/replica-groups.ts'
import {
  count,
  countOrNone,
  entries,
  flag,
  number,
  oneOf,
  seconds,
  secondsOrNone,
  section,
  share,
  switched,
  text,
  textRecord,
  texts,
} from './fields.ts'

type HealthFile = Omit<HealthCheckOptions, 'probe'> & HttpProbeOptions & { readonly type?: 'tcp' | 'http' }

export const healthCheck: z.ZodType<HealthCheckOptions | false> = switched<HealthFile>({
  type: ['type', oneOf(['tcp', 'http'])],
  path: ['path', text],
  method: ['method', text],
  headers: ['headers', textRecord],
  secure: ['secure', flag],
  ca: ['ca', text],
  statuses: ['statuses', z.tuple([count, count], 'the lowest and the highest good status')],
  degraded_header: ['degradedHeader', text],
  interval: ['intervalMs', seconds],
  timeout: ['timeoutMs', seconds],
  jitter: ['jitter', share],
  unhealthy_threshold: ['unhealthyThreshold', count],
  degraded_threshold: ['degradedThreshold', count],
  healthy_threshold: ['healthyThreshold', count],
  degraded_after: ['degradedMs', seconds],
  max_concurrent: ['maxConcurrent', count],
}).transform((options, context): HealthCheckOptions | false => {
  if (options === false) return false
  const { type = 'tcp', path, method, headers, secure, ca, statuses, degradedHeader, ...rest } = options
  const http = defined({ path, method, headers, secure, ca, statuses, degradedHeader })
  if (type === 'http') return { ...rest, probe: http }
  const [stray] = Object.keys(http)
  if (stray === undefined) return { ...rest, probe: 'tcp' }
  context.addIssue({ code: 'custom', message: `has ${stray}, which is for "type: http"` })
  return z.NEVER
})

export const breaker: z.ZodType<BreakerOptions | false> = switched<BreakerOptions>({
  failure_threshold: ['failureThreshold', count],
  success_threshold: ['successThreshold', count],
  timeout: ['timeoutMs', seconds],
  max_timeout: ['maxTimeoutMs', seconds],
  half_open_max_calls: ['halfOpenMaxCalls', count],
})

const rate = number('a number above 0 and at most 1000000000', { min: 0, above: true, max: 1e9 })
const burst = number('an integer from 1 to 1000000000', { min: 1, max: 1e9, integer: true })
export const rateLimit: z.ZodType<RateLimitOptions | false> = switched<RateLimitOptions>({
  requests_per_second: ['requestsPerSecond', rate],
  burst_size: ['burst', burst],
  per_client: [
    'perClient',
    section<NonNullable<RateLimitOptions['perClient']>>({
      requests_per_second: ['requestsPerSecond', rate, 'required'],
      burst_size: ['burst', burst],
    }),
  ],
  ddos_threshold: ['floodThreshold', count],
  ddos_ban: ['floodBanMs', seconds],
  max_clients: ['maxClients', entries],
})

export const outlier: z.ZodType<OutlierOptions | false> = switched<OutlierOptions>({
  consecutive_failures: ['consecutiveFailures', count],
  interval: ['sweepMs', seconds],
  base_ejection_time: ['baseEjectionMs', seconds],
  max_ejection_time: ['maxEjectionMs', seconds],
  jitter: ['jitterMs', secondsOrNone],
  max_ejected: ['maxEjected', share],
  deviations: ['deviations', number('a number above 0', { min: 0, above: true })],
  min_hosts: ['minHosts', number('an integer from 2', { min: 2, integer: true })],
  min_requests: ['minRequests', count],
})

export const slowStart: z.ZodType<SlowStartOptions | false> = switched<SlowStartOptions>({
  window: ['windowMs', seconds, 'required'],
  aggression: ['aggression', number('a number above 0 and at most 100', { min: 0, above: true, max: 100 })],
  min_share: ['minShare', share],
})

export const retry: z.ZodType<Omit<RetryOptions, 'maxRetries'>> = section<Omit<RetryOptions, 'maxRetries'>>({
  base_delay: ['baseMs', seconds],
  max_delay: ['maxMs', seconds],
  budget: ['budget', share],
  min_concurrent: ['minConcurrent', countOrNone],
})

export const hedge: z.ZodType<HedgeOptions | false> = switched<HedgeOptions>({
  quantile: ['quantile', share],
  min_delay: ['minMs', seconds],
  initial_delay: ['initialMs', seconds],
})

export const queue: z.ZodType<QueueOptions> = section<QueueOptions>({
  limit: ['limit', countOrNone],
  target: ['targetMs', seconds],
  interval: ['intervalMs', seconds],
})

export const concurrency: z.ZodType<ConcurrencyOptions | false> = switched<ConcurrencyOptions>({
  min: ['min', count],
  max: ['max', count],
  initial: ['initial', count],
})

const kinds = ['session', 'header', 'client-ip', 'cookie', 'hash'] as const
const by = z.preprocess(
  (value) => (typeof value === 'string' ? value.replaceAll('_', '-') : value),
  oneOf(kinds),
)
/** Of several the first signs, and all are accepted. */
const secret = z.union([text, texts], 'a text, or a list of texts')
/** `true` and `false` as in the document, or what else a session may be known by. */
export const affinity: z.ZodType<AffinityOptions | false> = z.preprocess(
  (value) => (typeof value === 'boolean' ? { enabled: value } : value),
  switched<Partial<AffinityOptions>>(
    {
      by: ['by', by],
      ttl: ['ttlMs', seconds],
      max_sessions: ['maxSessions', entries],
      header: ['header', text],
      cookie_name: ['cookieName', text],
      secret: ['secret', secret],
      secure: ['secure', flag],
    },
    'true, false or an object',
  ).transform((options): AffinityOptions | false => options && { by: 'session', ...options }),
)

export const groups: z.ZodType<Readonly<Record<string, ReplicaGroup>>> = z.record(
  z.string(),
  section<ReplicaGroup>({ min_healthy: ['minHealthy', countOrNone], min_zones: ['minZones', countOrNone] }),
  'groups by name',
)

function defined<T extends object>(fields: T): { [K in keyof T]: NonNullable<T[K]> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as { [K in keyof T]: NonNullable<T[K]> }
}
