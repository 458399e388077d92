import { type AffinityOptions, checkAffinity, type CheckedAffinity } from './affinity/affinity-options.ts'
import type { Resolve } from './backends/resolve.ts'
import {
  checkBoolean,
  checkCount,
  checkFields,
  checkFunction,
  checkMs,
  checkNumber,
  checkShare,
  checkText,
} from './check-options.ts'
import { checkClock, type Clock } from './clock.ts'
import { type BreakerOptions, checkBreaker } from './health/circuit-breaker.ts'
import { checkHealth, type CheckedHealth, type HealthCheckOptions } from './health/health-checker.ts'
import { checkOutlier, type OutlierOptions } from './health/outlier-detector.ts'
import { checkSlowStart, type SlowStartOptions } from './health/slow-start.ts'
import { checkRateLimit, type CheckedRateLimit, type RateLimitOptions } from './limits/rate-limit-options.ts'
import { checkLogger, type Logger } from './logger.ts'
import type { Random } from './random.ts'
import { checkQueue, type QueueOptions } from './requests/admission-queue.ts'
import { checkConcurrency, type ConcurrencyOptions } from './requests/gradient-limit.ts'
import type { Call } from './requests/call.ts'
import { checkHedge, checkRetry, type HedgeOptions, type RetryOptions } from './requests/retry-policy.ts'
import { type Judge, judgeStatus } from './requests/verdict.ts'
import { checkGroups, type ReplicaGroup } from './scaling/replica-groups.ts'
import type { Algorithm } from './strategies/algorithm.ts'

/** All that a balancer may be told at its construction; checked there (`ERR_AETHER_OPTIONS_INVALID`, `ERR_AETHER_ALGORITHM_INVALID`), and copied. */
export interface BalancerOptions {
  /** @default 'p2c' */
  readonly algorithm?: Algorithm
  /** @default none: backends are judged by their traffic alone */
  readonly healthCheck?: HealthCheckOptions
  /** `false` turns breakers off. @default see `BreakerOptions` */
  readonly breaker?: BreakerOptions | false
  /** Ejects backends that fail more than others. @default none */
  readonly outlier?: OutlierOptions
  /** @default none */
  readonly slowStart?: SlowStartOptions
  /** With less than this part of a level up, and too few elsewhere to take its traffic, all of it gets traffic; 0 turns that off. @default 0.5 */
  readonly panicThreshold?: number
  /** What is left of a weight while its backend is degraded; `round-robin`, `least-latency` and hashes do not go by it. @default 0.5 */
  readonly degradedShare?: number
  /** The own zone: its backends are preferred as long as enough of them are up. */
  readonly zone?: string
  /** @default see `RetryOptions` */
  readonly retry?: RetryOptions
  /** @default none */
  readonly hedge?: HedgeOptions
  /** Longest that a request may take in all. @default 30_000 */
  readonly requestTimeoutMs?: number
  /** Longest that one attempt may take. @default what is left of the request's time */
  readonly attemptTimeoutMs?: number
  /** @default see `QueueOptions` */
  readonly queue?: QueueOptions
  /** Finds out how many requests at a time are good. @default no limit but `maxConnections` */
  readonly concurrency?: ConcurrencyOptions
  /** @default none */
  readonly affinity?: AffinityOptions
  /** @default none */
  readonly rateLimit?: RateLimitOptions
  /** By name: how many healthy ones of a group must stay when one is removed or drained. */
  readonly groups?: Readonly<Record<string, ReplicaGroup>>
  /** Judges what an attempt resolved with. @default `judgeStatus` */
  readonly judge?: Judge
  /** What `execute` does with a backend for `route_request`. */
  readonly call?: Call<unknown>
  /** Latency as which a failure counts at least. @default 1_000 */
  readonly failurePenaltyMs?: number
  /** τ of the latency estimates. @default 10_000 */
  readonly decayMs?: number
  /** Latency histograms per backend. @default true */
  readonly metrics?: boolean
  /** Picks that `explain` remembers; 0 turns it off. @default 16 */
  readonly explain?: number
  /** How long `drain` and `close` wait. @default 30_000 */
  readonly drainTimeoutMs?: number
  /** The same for all balancers that should place keys alike. @default 0 */
  readonly hashKey?: number
  /** @default the system's resolver */
  readonly resolve?: Resolve
  readonly logger?: Logger
  readonly clock?: Clock
  readonly random?: Random
}

export interface CheckedOptions {
  readonly algorithm: Algorithm
  readonly healthCheck: CheckedHealth | undefined
  readonly breaker: Required<BreakerOptions>
  readonly outlier: Required<OutlierOptions> | undefined
  readonly slowStart: Required<SlowStartOptions> | undefined
  readonly panicThreshold: number
  readonly degradedShare: number
  readonly zone: string | undefined
  readonly retry: Required<RetryOptions>
  readonly hedge: Required<HedgeOptions> | undefined
  readonly requestTimeoutMs: number
  readonly attemptTimeoutMs: number | undefined
  readonly queue: Required<QueueOptions>
  readonly concurrency: Required<ConcurrencyOptions> | undefined
  readonly affinity: CheckedAffinity | undefined
  readonly rateLimit: CheckedRateLimit | undefined
  readonly groups: ReadonlyMap<string, Required<ReplicaGroup>>
  readonly judge: Judge
  readonly call: Call<unknown> | undefined
  readonly failurePenaltyMs: number
  readonly decayMs: number
  readonly metrics: boolean
  readonly explain: number
  readonly drainTimeoutMs: number
  readonly hashKey: number
  readonly resolve: Resolve | undefined
  readonly logger: Logger
  readonly clock: Clock
  readonly random: Random | undefined
}

/** Every option that there is. */
export const optionNames: readonly (keyof BalancerOptions)[] = [
  'algorithm',
  'healthCheck',
  'breaker',
  'outlier',
  'slowStart',
  'panicThreshold',
  'degradedShare',
  'zone',
  'retry',
  'hedge',
  'requestTimeoutMs',
  'attemptTimeoutMs',
  'queue',
  'concurrency',
  'affinity',
  'rateLimit',
  'groups',
  'judge',
  'call',
  'failurePenaltyMs',
  'decayMs',
  'metrics',
  'explain',
  'drainTimeoutMs',
  'hashKey',
  'resolve',
  'logger',
  'clock',
  'random',
]

/** Every option with its default, checked and copied; `ERR_AETHER_OPTIONS_INVALID` otherwise. */
export function checkOptions(options: BalancerOptions): CheckedOptions {
  checkFields(options, 'options', optionNames)
  for (const name of ['judge', 'call', 'resolve', 'random'] as const)
    if (options[name] !== undefined) checkFunction(options[name], name)
  const { random, call, resolve } = options
  return {
    algorithm: options.algorithm ?? 'p2c',
    healthCheck: options.healthCheck && checkHealth(options.healthCheck),
    breaker:
      options.breaker === false
        ? { ...checkBreaker({}), failureThreshold: Infinity }
        : checkBreaker(options.breaker ?? {}),
    outlier: options.outlier && checkOutlier(options.outlier),
    slowStart: options.slowStart && checkSlowStart(options.slowStart),
    zone: options.zone === undefined ? undefined : checkText(options.zone, 'zone'),
    ...checkRequests(options),
    affinity: options.affinity && checkAffinity(options.affinity),
    rateLimit: options.rateLimit && checkRateLimit(options.rateLimit),
    groups: checkGroups(options.groups ?? {}),
    ...checkScalars(options),
    call,
    resolve,
    logger: checkLogger(options.logger),
    clock: checkClock(options.clock),
    random,
  }
}

function checkRequests(
  options: BalancerOptions,
): Pick<
  CheckedOptions,
  'retry' | 'hedge' | 'requestTimeoutMs' | 'attemptTimeoutMs' | 'queue' | 'concurrency' | 'judge'
> {
  return {
    retry: checkRetry(options.retry ?? {}),
    hedge: options.hedge && checkHedge(options.hedge),
    requestTimeoutMs: checkMs(options.requestTimeoutMs ?? 30_000, 'requestTimeoutMs'),
    attemptTimeoutMs:
      options.attemptTimeoutMs === undefined
        ? undefined
        : checkMs(options.attemptTimeoutMs, 'attemptTimeoutMs'),
    queue: checkQueue(options.queue ?? {}),
    concurrency: options.concurrency && checkConcurrency(options.concurrency),
    judge: options.judge ?? judgeStatus,
  }
}

function checkScalars(
  options: BalancerOptions,
): Pick<
  CheckedOptions,
  | 'panicThreshold'
  | 'degradedShare'
  | 'failurePenaltyMs'
  | 'decayMs'
  | 'metrics'
  | 'explain'
  | 'drainTimeoutMs'
  | 'hashKey'
> {
  return {
    panicThreshold: checkShare(options.panicThreshold ?? 0.5, 'panicThreshold'),
    degradedShare: checkNumber(options.degradedShare ?? 0.5, 'degradedShare', { above: true, max: 1 }),
    failurePenaltyMs: checkNumber(options.failurePenaltyMs ?? 1_000, 'failurePenaltyMs'),
    decayMs: checkMs(options.decayMs ?? 10_000, 'decayMs'),
    metrics: checkBoolean(options.metrics ?? true, 'metrics'),
    explain: checkCount(options.explain ?? 16, 'explain', 0),
    drainTimeoutMs: checkMs(options.drainTimeoutMs ?? 30_000, 'drainTimeoutMs'),
    hashKey: checkNumber(options.hashKey ?? 0, 'hashKey', { integer: true, max: 4_294_967_295 }),
  }
}
