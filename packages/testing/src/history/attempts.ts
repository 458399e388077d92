import type { DeliveredEntry, LeaseEntry, RecordEntry, RevokedEntry } from './history.ts'

/** What became of one attempt of one task in one workgroup. */
export interface Attempt {
  readonly attempt: number
  /** More than one where the same attempt was handed out again. */
  readonly deliveries: DeliveredEntry[]
  readonly uses: LeaseEntry[]
  readonly revocations: RevokedEntry[]
}

/** The attempts of one task in one workgroup, by number. */
export interface AttemptSeries {
  readonly tid: string
  readonly workgroup: string
  readonly attempts: readonly Attempt[]
}

/** Sorts what workers saw by task, workgroup and attempt. */
export function attemptsOf(entries: readonly RecordEntry[]): readonly AttemptSeries[] {
  const series = new Map<string, { tid: string; workgroup: string; attempts: Map<number, Attempt> }>()
  for (const entry of entries) {
    if (!isOfLease(entry)) continue
    const { tid, workgroup } = entry
    const key = `${tid} ${workgroup}`
    const found = series.get(key) ?? { tid, workgroup, attempts: new Map<number, Attempt>() }
    series.set(key, found)
    const { attempt } = entry
    const known = found.attempts.get(attempt) ?? { attempt, deliveries: [], uses: [], revocations: [] }
    found.attempts.set(attempt, known)
    if (entry.kind === 'delivered') known.deliveries.push(entry)
    else if (entry.kind === 'revoked') known.revocations.push(entry)
    else known.uses.push(entry)
  }
  return [...series.values()].map(({ tid, workgroup, attempts }) => ({
    tid,
    workgroup,
    attempts: [...attempts.values()].toSorted((a, b) => a.attempt - b.attempt),
  }))
}

/** When an attempt was first handed to a worker; Infinity where nobody saw it. */
export function beganAt(attempt: Attempt): number {
  return Math.min(...attempt.deliveries.map(({ at }) => at))
}

function isOfLease(entry: RecordEntry): entry is DeliveredEntry | LeaseEntry | RevokedEntry {
  return ['delivered', 'revoked', 'renew', 'report', 'ack', 'release'].includes(entry.kind)
}
