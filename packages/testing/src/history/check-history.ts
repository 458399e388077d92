import type { Capabilities } from '@aether/core'

import { attemptsOf } from './attempts.ts'
import { checkLedger, checkTerminals } from './check-terminals.ts'
import { checkFences, checkHolders } from './check-fences.ts'
import { checkCancels, checkGauges, checkWaits } from './check-waits.ts'
import type { RecordEntry } from './history.ts'
import type { Violation } from './violation.ts'

export interface CheckHistoryOptions {
  /** The longest that a call or a task may take from its beginning to its answer, in milliseconds. @default 60_000 */
  readonly maxWaitMs?: number
  /** How long after a cancel was answered its handler may still be running, in milliseconds. @default 10_000 */
  readonly cancelGraceMs?: number
  /**
   * As the transport declares it. With `lease` an attempt of which nothing was heard may be handed to another worker; what is checked then is that no two of
   * them were accepted.
   * @default 'native'
   */
  readonly redelivery?: Capabilities['redelivery']
}

/**
 * Checks a finished history against promises 1 to 7; an empty answer means that none is broken. A history is finished when every caller has waited for its
 * tasks: an accepted task without a terminal event counts as lost.
 *
 * 1. one terminal event for each accepted task, seen once by its caller; the ledger closes;
 * 2. attempts grow and are handed out once (with the lease layer: accepted from one worker each), an older attempt is never accepted after a newer one began, and each workgroup accepts one completion;
 * 3. nothing accepted is lost, whatever faults there were;
 * 4. a cancelled task has no handler left running;
 * 5. every wait is bounded;
 * 6. what was measured stayed within its bound;
 * 7. after a reconnection each subscription exists once.
 */
export function checkHistory(
  entries: readonly RecordEntry[],
  options: CheckHistoryOptions = {},
): readonly Violation[] {
  const attempts = attemptsOf(entries)
  return [
    ...checkTerminals(entries),
    ...checkLedger(entries),
    ...checkFences(attempts, options.redelivery ?? 'native'),
    ...checkHolders(attempts),
    ...checkCancels(entries, options.cancelGraceMs ?? 10_000),
    ...checkWaits(entries, options.maxWaitMs ?? 60_000),
    ...checkGauges(entries),
  ]
}

/** The violations as text, one a line: for a failing test. */
export function describeViolations(violations: readonly Violation[]): string {
  return violations
    .map(({ promise, rule, message }) => `promise ${String(promise)}, ${rule}: ${message}`)
    .join('\n')
}
