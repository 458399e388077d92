import { type Clock, systemClock } from '@aether/core'

/** The clock of a machine that is wrong by so much. */
export function clockAhead(ms: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + ms }
}
