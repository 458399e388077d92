/** How long to wait between attempts to connect. */
export interface Backoff {
  /** Longest wait before the first repetition. @default 50 */
  readonly initialMs?: number
  /** Longest wait of all. @default 5_000 */
  readonly maxMs?: number
}

/** Full jitter: anything between 0 and a ceiling that doubles, so that a thousand clients do not come back at once. `attempt` counts from 1. */
export function backoffMs(attempt: number, backoff: Required<Backoff>, random: () => number): number {
  const ceiling = Math.min(backoff.maxMs, backoff.initialMs * 2 ** Math.min(attempt - 1, 30))
  return Math.floor(random() * ceiling)
}
