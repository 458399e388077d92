export type { AffinityOptions } from './affinity/affinity-options.ts'
export type { Backend, BackendChange, BackendOptions, Health } from './backends/backend.ts'
export type { NamedBackends, NameOptions } from './backends/named-backends.ts'
export type { RemoveOptions } from './backends/registry.ts'
export type { Drained, DrainOptions } from './backends/drains.ts'
export type { Balancer, CloseOptions } from './balancer.ts'
export { type Clock, systemClock, type Timer } from './clock.ts'
export type { Operation, OperationResult } from './control/operation.ts'
export { highAvailability, quantumAware } from './control/presets.ts'
export { LbError, type LbErrorCode, type LbErrorOptions } from './errors.ts'
export type { BreakerOptions, BreakerState } from './health/circuit-breaker.ts'
export type { HealthCheckOptions, HealthStatus } from './health/health-checker.ts'
export type { HttpProbeOptions } from './health/http-probe.ts'
export type { OutlierOptions } from './health/outlier-detector.ts'
export type { Probe, ProbeResult } from './health/probe.ts'
export type { SlowStartOptions } from './health/slow-start.ts'
export type { KeyRateOptions, RateLimitOptions, RateOptions } from './limits/rate-limit-options.ts'
export { createBalancer } from './load-balancer.ts'
export type { Logger } from './logger.ts'
export type { BackendLoad, Load, LoadDistribution } from './observe/distribution.ts'
export type { LbEvent } from './observe/events.ts'
export type { BalancerOptions, Resolve } from './options.ts'
export { type Random, seededRandom } from './random.ts'
export type { QueueOptions } from './requests/admission-queue.ts'
export type { Attempt } from './requests/attempt.ts'
export type { ConcurrencyOptions } from './requests/gradient-limit.ts'
export type { Lease, Outcome } from './requests/lease.ts'
export type { LbRequest } from './requests/request.ts'
export type { HedgeOptions, RetryOptions } from './requests/retry-policy.ts'
export type { Call, RouteResult } from './requests/call.ts'
export type { AttemptFailure, NotRetried } from './requests/route-errors.ts'
export type { Counters } from './requests/router.ts'
export { isUnsent, type Judge, judgeStatus, type Verdict } from './requests/verdict.ts'
export type {
  AutoscaleOptions,
  AutoscaleStatus,
  Autoscaling,
  ScaleOptions,
  Scaler,
} from './scaling/autoscaler.ts'
export type { ReplicaGroup, ReplicaStatus } from './scaling/replica-groups.ts'
export type { Excluded, Exclusion, PickExplanation } from './selection/pick-trace.ts'
export {
  type Algorithm,
  type AlgorithmName,
  algorithmNames,
  type AlgorithmOptions,
} from './strategies/algorithm.ts'
export type { QuantumAwareOptions } from './strategies/quantum-aware.ts'
export type { Picking, Strategy, StrategyView } from './strategies/strategy.ts'
