import type { Clock } from '@aether/core'

/** What the mode needs to know; checked where the options of `redis` are. */
export interface PubSubSettings {
  readonly prefix: string
  readonly maxPayloadBytes: number
  /** Tasks of this instance that may wait for a worker; one more is `ERR_AETHER_QUEUE_FULL`. */
  readonly maxQueued: number
  /** Tasks of this instance that may be open; one more is `ERR_AETHER_QUEUE_FULL`. */
  readonly maxOpen: number
  /** How often a worker says that it is there; silent for four times that, it counts as lost. */
  readonly heartbeatMs: number
  /** How long answers of a whole union are waited for, where it cannot be known how many will come. */
  readonly queryMs: number
  /** Tasks a consumer keeps beyond its credit: several callers may each believe that there is room. */
  readonly maxHeld: number
  /** Completions kept for each caller, in case that it was away when they were sent. */
  readonly maxRecent: number
  readonly clock: Clock
}

/** Heartbeats after which a silent worker is lost. */
export const silentBeats = 4
