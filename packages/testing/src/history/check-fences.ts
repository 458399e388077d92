import type { Capabilities } from '@aether/core'

import { beganAt } from './attempts.ts'
import type { Attempt, AttemptSeries } from './attempts.ts'
import type { Violation } from './violation.ts'

/** Promise 2: attempts are handed out once, in growing order, and each workgroup accepts one completion. */
export function checkFences(
  all: readonly AttemptSeries[],
  redelivery: Capabilities['redelivery'] = 'native',
): Violation[] {
  return all.flatMap((series) => [
    ...(redelivery === 'lease' ? checkHeldOnce(series) : checkHandedOnce(series)),
    ...checkGrowing(series),
    ...checkOneCompletion(series),
  ])
}

/** Promise 2: no two workers hold one task at a time. */
export function checkHolders(all: readonly AttemptSeries[]): Violation[] {
  return all.flatMap((series) => checkStaleUses(series))
}

function nameOf({ tid, workgroup }: AttemptSeries): string {
  return `${tid} in ${workgroup}`
}

function checkHandedOnce(series: AttemptSeries): Violation[] {
  return series.attempts
    .filter(({ deliveries }) => deliveries.length > 1)
    .map(({ attempt, deliveries }) => ({
      promise: 2,
      rule: 'attempt-handed-out-twice',
      message: `attempt ${String(attempt)} of ${nameOf(series)} went to ${deliveries.map(({ by }) => by).join(' and ')}`,
    }))
}

/** A worker that died before anybody heard of it leaves its attempt to another; one that was confirmed does not. */
function checkHeldOnce(series: AttemptSeries): Violation[] {
  return series.attempts.flatMap(({ attempt, uses }) => {
    // A report is confirmed by the engine alone.
    const confirmed = uses.filter(({ kind, answer }) => kind !== 'report' && answer === 'accepted')
    const holders = [...new Set(confirmed.map(({ by }) => by))]
    if (holders.length < 2) return []
    const message = `attempt ${String(attempt)} of ${nameOf(series)} was accepted from ${holders.join(' and ')}`
    return [{ promise: 2 as const, rule: 'attempt-held-twice', message }]
  })
}

/** A later attempt that was seen to begin before an earlier one. */
function checkGrowing(series: AttemptSeries): Violation[] {
  const seen = series.attempts.filter(({ deliveries }) => deliveries.length > 0)
  return seen.flatMap((attempt, index) => {
    const earlier = seen[index - 1]
    // A delivery may lie in the buffers of a frozen or slow worker while the next attempt begins elsewhere: only within one worker is the order exact.
    if (earlier === undefined || attempt.deliveries[0]?.by !== earlier.deliveries[0]?.by) return []
    if (beganAt(attempt) >= beganAt(earlier)) return []
    return [
      {
        promise: 2 as const,
        rule: 'fence-not-growing',
        message: `attempt ${String(attempt.attempt)} of ${nameOf(series)} began before attempt ${String(earlier.attempt)}`,
      },
    ]
  })
}

function checkOneCompletion(series: AttemptSeries): Violation[] {
  const accepted = series.attempts.flatMap(({ uses }) =>
    uses.filter(({ kind, answer }) => kind === 'ack' && answer === 'accepted'),
  )
  if (accepted.length <= 1) return []
  const acks = accepted.map(({ attempt, by }) => `attempt ${String(attempt)} by ${by}`).join(', ')
  return [
    { promise: 2, rule: 'two-completions-accepted', message: `${nameOf(series)} was completed by ${acks}` },
  ]
}

/**
 * An attempt is no longer valid once a newer one has begun, so nothing that is asked of it after that may be accepted. (That the old worker still runs
 * its handler is no violation: it cannot know yet.)
 */
function checkStaleUses(series: AttemptSeries): Violation[] {
  return series.attempts.flatMap((attempt) => {
    const newer = series.attempts.filter((other) => other.attempt > attempt.attempt)
    const endedAt = Math.min(...newer.map((other) => beganAt(other)), settledAt(attempt))
    return attempt.uses
      .filter(({ answer, invokedAt }) => answer === 'accepted' && invokedAt > endedAt)
      .map(({ kind, by }) => ({
        promise: 2 as const,
        rule: 'stale-attempt-accepted',
        message: `${kind} of attempt ${String(attempt.attempt)} of ${nameOf(series)} by ${by} was accepted after it had ended`,
      }))
  })
}

/** When the worker knew that its own attempt was settled. */
function settledAt({ uses }: Attempt): number {
  const settling = uses.filter(
    ({ kind, answer }) => (kind === 'ack' || kind === 'release') && answer === 'accepted',
  )
  return Math.min(...settling.map(({ at }) => at))
}
