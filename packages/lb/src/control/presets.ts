import type { BalancerOptions } from '../options.ts'

/**
 * For services that must not go down: quick checks, outliers ejected, newcomers warmed up, slow answers hedged, and a breaker that opens early and tries again
 * soon. Spread it and change what you like.
 */
export function highAvailability(): BalancerOptions {
  return {
    algorithm: 'peak-ewma',
    healthCheck: {
      probe: 'tcp',
      intervalMs: 2_000,
      timeoutMs: 1_000,
      unhealthyThreshold: 2,
      healthyThreshold: 2,
    },
    breaker: { failureThreshold: 3, successThreshold: 2, timeoutMs: 10_000, halfOpenMaxCalls: 2 },
    outlier: {},
    slowStart: { windowMs: 30_000 },
    retry: { maxRetries: 3 },
    hedge: {},
    rateLimit: { requestsPerSecond: 1_000, burst: 1_500, floodThreshold: 5_000 },
  }
}

/** For backends of which some have quantum hardware: workloads go where they can run, sessions stay where they began, and long runs have time. */
export function quantumAware(): BalancerOptions {
  return {
    algorithm: 'quantum-aware',
    healthCheck: {
      probe: 'tcp',
      intervalMs: 5_000,
      timeoutMs: 2_000,
      unhealthyThreshold: 3,
      healthyThreshold: 2,
    },
    breaker: { failureThreshold: 5, successThreshold: 2, timeoutMs: 60_000, halfOpenMaxCalls: 3 },
    affinity: { by: 'session' },
    requestTimeoutMs: 120_000,
    rateLimit: { requestsPerSecond: 1_000, burst: 1_500, floodThreshold: 5_000 },
  }
}
