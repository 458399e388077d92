import type { Backend } from '../backends/backend.ts'

/** What a check found; `degraded` works, but should get less. */
export type ProbeResult = 'healthy' | 'degraded' | 'unhealthy'

/**
 * One look at a backend: resolve with what was found, or with nothing for healthy; throw, reject or outlast the signal for unhealthy. The signal is aborted
 * when the time is over.
 */
export type Probe = (
  backend: Backend,
  signal: AbortSignal,
) => Promise<ProbeResult | boolean | void> | ProbeResult | boolean | void

export function resultOf(answer: unknown): ProbeResult {
  if (answer === undefined || answer === true || answer === 'healthy') return 'healthy'
  return answer === 'degraded' ? 'degraded' : 'unhealthy'
}
