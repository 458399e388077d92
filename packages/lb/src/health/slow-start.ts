import { checkFields, checkMs, checkNumber, checkShare } from '../check-options.ts'

/** How the weight of a backend rises that has just joined or come back. */
export interface SlowStartOptions {
  /** How long a backend takes to come to its full weight. */
  readonly windowMs: number
  /** Above 1 the weight rises quickly at first, below 1 slowly. @default 1 */
  readonly aggression?: number
  /** Share of its weight that it has from the start. @default 0.1 */
  readonly minShare?: number
}

export function checkSlowStart(options: SlowStartOptions, path = 'slowStart'): Required<SlowStartOptions> {
  const fields = checkFields(options, path, ['windowMs', 'aggression', 'minShare'])
  return {
    windowMs: checkMs(fields['windowMs'], `${path}.windowMs`),
    aggression: checkNumber(fields['aggression'] ?? 1, `${path}.aggression`, { above: true, max: 100 }),
    minShare: checkShare(fields['minShare'] ?? 0.1, `${path}.minShare`),
  }
}

/** The part of its weight that a backend has `elapsedMs` after it began: `max(minShare, (t / window) ^ (1 / aggression))`. */
export function warmth(options: Required<SlowStartOptions>, elapsedMs: number): number {
  if (elapsedMs >= options.windowMs) return 1
  const risen = (Math.max(0, elapsedMs) / options.windowMs) ** (1 / options.aggression)
  return Math.max(options.minShare, risen)
}
