/** What the wanted number of backends follows from. */
export interface LoadSignal {
  /** Backends that count now. */
  readonly current: number
  /** Slots held, of all slots: 0 to 1. */
  readonly utilisation: number
  readonly queued: number
  /** Slots of one backend that is up; 0 while none is. */
  readonly slotsEach: number
  /** Recent p95 of all backends together; 0 where nothing is known, or it does not count. */
  readonly latencyMs: number
}

export interface ScaleTargets {
  readonly min: number
  readonly max: number
  readonly utilisation: number
  /** `undefined`: latency does not count. */
  readonly latencyMs: number | undefined
}

/** Within a tenth of the target nothing changes: otherwise the number would follow every ripple. */
const tolerance = 0.1

/**
 * Target tracking: as many backends as bring the measure that is furthest above its target back to it. What waits counts as if it were served. Latency can ask
 * for more but never for fewer, since it does not fall with every backend that is added.
 */
export function desiredCount(signal: LoadSignal, targets: ScaleTargets): number {
  const { current, utilisation, queued, slotsEach, latencyMs } = signal
  if (current === 0) return Math.max(targets.min, queued > 0 ? 1 : 0)
  // Nobody works while everybody is down: that says nothing of how many there should be afterwards.
  if (slotsEach === 0) return clamp(current, targets)
  const wanted = utilisation + queued / (slotsEach * current)
  const byLoad = wanted / targets.utilisation
  const byLatency = targets.latencyMs === undefined ? 0 : latencyMs / targets.latencyMs
  const ratio = Math.max(byLoad, byLatency > 1 ? byLatency : 0)
  const isNear = Math.abs(ratio - 1) <= tolerance
  const desired = isNear ? current : Math.ceil(current * ratio - 1e-9)
  return clamp(desired, targets)
}

function clamp(count: number, { min, max }: ScaleTargets): number {
  return Math.min(max, Math.max(min, count))
}
