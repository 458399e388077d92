import { checkCount, checkFields, checkMs, checkNumber } from '../check-options.ts'
import { invalidOption } from '../errors.ts'
import type { ScaleTargets } from './scale-signal.ts'

/** Between which numbers, towards which targets and how quickly a scaler is led. */
export interface AutoscaleOptions {
  /** 0 only beside backends that are not the scaler's: where there is none, requests are refused, and nothing asks for the first. @default 1 */
  readonly min?: number
  /** @default 10 */
  readonly max?: number
  /** Part of all slots that should be in use. @default 0.7 */
  readonly targetUtilisation?: number
  /** Recent p95 of all backends together above which there should be more. @default latency does not count */
  readonly targetLatencyMs?: number
  /** @default 5_000 */
  readonly intervalMs?: number
  /** Least time between two increases. @default 30_000 */
  readonly scaleOutCooldownMs?: number
  /** How long fewer must have been enough, and nothing changed, before a decrease. @default 300_000 */
  readonly scaleInCooldownMs?: number
  /** A call of the scaler that takes longer has failed. @default 600_000 */
  readonly scaleTimeoutMs?: number
}

export interface Cooldowns {
  readonly intervalMs: number
  readonly outMs: number
  readonly inMs: number
  readonly timeoutMs: number
}

const names = [
  'min',
  'max',
  'targetUtilisation',
  'targetLatencyMs',
  'intervalMs',
  'scaleOutCooldownMs',
  'scaleInCooldownMs',
  'scaleTimeoutMs',
]

export function checkAutoscale(options: AutoscaleOptions): {
  readonly targets: ScaleTargets
  readonly times: Cooldowns
} {
  checkFields(options, 'autoscale', names)
  const at = (name: string): string => `autoscale.${name}`
  const min = checkCount(options.min ?? 1, at('min'), 0)
  const max = checkCount(options.max ?? Math.max(10, min), at('max'))
  if (min > max) throw invalidOption(`autoscale.min (${min}) is more than max (${max})`)
  const { targetLatencyMs: latency } = options
  return {
    targets: {
      min,
      max,
      utilisation: checkNumber(options.targetUtilisation ?? 0.7, at('targetUtilisation'), {
        above: true,
        max: 1,
      }),
      latencyMs: latency === undefined ? undefined : checkMs(latency, at('targetLatencyMs')),
    },
    times: {
      intervalMs: checkMs(options.intervalMs ?? 5_000, at('intervalMs')),
      outMs: checkNumber(options.scaleOutCooldownMs ?? 30_000, at('scaleOutCooldownMs')),
      inMs: checkNumber(options.scaleInCooldownMs ?? 300_000, at('scaleInCooldownMs')),
      timeoutMs: checkMs(options.scaleTimeoutMs ?? 600_000, at('scaleTimeoutMs')),
    },
  }
}
