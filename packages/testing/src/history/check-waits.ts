import type { RecordEntry } from './history.ts'
import type { Violation } from './violation.ts'

/** Promise 5: every call was answered, and every task ended, within `maxWaitMs`. */
export function checkWaits(entries: readonly RecordEntry[], maxWaitMs: number): Violation[] {
  const invokedAt = new Map<string, number>()
  const answered = new Set<string>()
  const late: Violation[] = []
  const judge = (what: string, from: number, to: number): void => {
    if (to - from <= maxWaitMs) return
    const message = `${what} took ${String(Math.round(to - from))} ms of ${String(maxWaitMs)}`
    late.push({ promise: 5, rule: 'wait-too-long', message })
  }
  for (const entry of entries) {
    if (entry.kind === 'invoked') {
      invokedAt.set(`${entry.by} ${entry.tid}`, entry.at)
      // An attach has no answer of its own: it names no workgroup.
      if (entry.workgroup === '') answered.add(`${entry.by} ${entry.tid}`)
    } else if (entry.kind === 'answered' || entry.kind === 'terminal') {
      const key = `${entry.by} ${entry.tid}`
      const from = invokedAt.get(key)
      answered.add(key)
      if (from !== undefined)
        judge(`${entry.kind === 'answered' ? 'the answer to' : 'the end of'} ${entry.tid}`, from, entry.at)
    } else if ('invokedAt' in entry) {
      judge(`${entry.kind} of ${entry.tid} by ${entry.by}`, entry.invokedAt, entry.at)
    }
  }
  const unanswered = [...invokedAt.keys()].filter((key) => !answered.has(key))
  return [
    ...late,
    ...unanswered.map((key) => ({
      promise: 5 as const,
      rule: 'call-never-answered',
      message: `${key} was asked and never answered`,
    })),
  ]
}

/** Promise 4: a handler of a cancelled task ends, on a worker that no fault has taken away. */
export function checkCancels(entries: readonly RecordEntry[], graceMs: number): Violation[] {
  const cancelledAt = new Map<string, number>()
  const faulted = new Set<string>()
  for (const entry of entries) {
    if (entry.kind === 'fault') faulted.add(entry.target)
    const isCancel = entry.kind === 'terminal' && entry.status === 'cancelled'
    if (isCancel && !cancelledAt.has(entry.tid)) cancelledAt.set(entry.tid, entry.at)
  }
  const running = new Map<string, { readonly by: string; readonly tid: string }>()
  const violations: Violation[] = []
  const judge = (tid: string, by: string, endedAt: number): void => {
    const at = cancelledAt.get(tid)
    if (at === undefined || faulted.has(by) || endedAt - at <= graceMs) return
    const message = `${by} still worked on ${tid} when it had been cancelled for ${String(graceMs)} ms`
    violations.push({ promise: 4, rule: 'cancelled-task-runs-on', message })
  }
  for (const entry of entries) {
    if (entry.kind !== 'handler-started' && entry.kind !== 'handler-ended') continue
    const key = `${entry.by} ${entry.tid} ${entry.workgroup} ${String(entry.attempt)}`
    if (entry.kind === 'handler-started') running.set(key, entry)
    else if (running.delete(key)) judge(entry.tid, entry.by, entry.at)
  }
  for (const { tid, by } of running.values()) judge(tid, by, Number.POSITIVE_INFINITY)
  return violations
}

/** Promises 6 and 7: sizes stay within their bounds, and each subscription exists once. */
export function checkGauges(entries: readonly RecordEntry[]): Violation[] {
  return entries.flatMap((entry): Violation[] => {
    if (entry.kind !== 'gauge') return []
    const { gauge, name, value, limit, by } = entry
    const message = `${name} of ${by} is ${String(value)}, and must be ${gauge === 'size' ? 'at most ' : ''}${String(limit)}`
    if (gauge === 'size' && value > limit) return [{ promise: 6, rule: 'size-over-limit', message }]
    if (gauge === 'subscription' && value !== limit)
      return [{ promise: 7, rule: 'subscription-not-once', message }]
    return []
  })
}
