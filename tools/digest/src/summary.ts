import type { Ledger } from '@aether/core'

import type { FoundFiles, FoundProblem } from './find-files.ts'
import type { FileRecord, JobState } from './job-state.ts'

export interface DigestResult {
  readonly path: string
  /** The exact bytes of the path, where it is no valid UTF-8. */
  readonly pathBase64?: string
  readonly sha256: string
  readonly bytes: number
  readonly worker: string
  readonly attempts: number
}

export interface DigestFailure {
  readonly path: string
  /** What the file system said (`ENOENT`), or the code of the error. */
  readonly code: string
  readonly message: string
  readonly status: 'failed' | 'cancelled' | 'expired'
}

export interface DuplicateGroup {
  readonly sha256: string
  readonly bytes: number
  readonly paths: readonly string[]
}

/** What became of a worker that was killed on purpose. */
export interface KillReport {
  readonly worker: string
  readonly pid: number
  /** How many files were done at that moment. */
  readonly afterFiles: number
  /** The process that took its place. */
  readonly restartedAs: number | undefined
}

/** All that the run found out: what `--json` prints. */
export interface Summary {
  readonly folder: string
  /** Regular files found; each is accounted for in `results`, `failures` or `notStarted`. */
  readonly files: number
  /** Bytes digested. */
  readonly bytes: number
  readonly seconds: number
  readonly results: readonly DigestResult[]
  readonly failures: readonly DigestFailure[]
  /** Files whose task was never performed, because the run was interrupted. */
  readonly notStarted: number
  /** Finished digests by worker. */
  readonly workers: Readonly<Record<string, number>>
  readonly ledger: Ledger
  /** Why the ledger does not close; empty when it does. */
  readonly gaps: readonly string[]
  readonly duplicates: readonly DuplicateGroup[]
  /** Tasks that took more than one attempt. */
  readonly retried: number
  readonly killed: KillReport | null
  /** What is no regular file. */
  readonly skipped: { readonly links: number; readonly others: number }
  /** Folders that could not be read. */
  readonly unreadableFolders: readonly FoundProblem[]
}

export interface SummaryParts {
  readonly folder: string
  readonly found: FoundFiles
  readonly state: JobState
  readonly ledger: Ledger
  readonly seconds: number
  readonly killed: KillReport | undefined
}

export function summarise(parts: SummaryParts): Summary {
  const { folder, found, state, ledger, seconds, killed } = parts
  const { records } = state
  const results = records.filter((record) => record.status === 'succeeded').map(resultOf)
  return {
    folder,
    files: records.length,
    bytes: results.reduce((sum, result) => sum + result.bytes, 0),
    seconds: Math.round(seconds * 1_000) / 1_000,
    results,
    failures: records.flatMap(failureOf),
    notStarted: records.filter((record) => record.status === 'waiting').length,
    workers: Object.fromEntries(state.workers),
    ledger,
    gaps: ledgerGaps(records, ledger),
    duplicates: duplicatesIn(results),
    retried: records.filter((record) => record.attempts > 1).length,
    killed: killed ?? null,
    skipped: { links: found.links, others: found.others },
    unreadableFolders: found.problems,
  }
}

/**
 * Holds the ledger of the application against what was seen of each file: every performed task ended once, and in the way that was counted.
 * Returns what does not add up.
 */
export function ledgerGaps(records: readonly FileRecord[], ledger: Ledger): string[] {
  const gaps: string[] = []
  const { performed, succeeded, failed, cancelled, expired, open } = ledger
  const sum = succeeded + failed + cancelled + expired
  if (performed !== sum)
    gaps.push(`performed ${performed} ≠ ${sum} = succeeded + failed + cancelled + expired`)
  if (open !== 0) gaps.push(`${open} still open`)
  const started = records.filter((record) => record.status !== 'waiting')
  if (started.length !== performed)
    gaps.push(`${started.length} files were started, ${performed} tasks performed`)
  for (const status of ['succeeded', 'failed', 'cancelled', 'expired'] as const) {
    const seen = records.filter((record) => record.status === status).length
    if (seen !== ledger[status]) gaps.push(`${seen} files ${status}, the ledger says ${ledger[status]}`)
  }
  for (const record of started) {
    if (record.ends !== 1) gaps.push(`${JSON.stringify(record.file.path)} ended ${record.ends} times`)
  }
  return gaps
}

function resultOf({ file, sha256 = '', bytes, worker = '', attempts }: FileRecord): DigestResult {
  const exact = file.pathBase64 === undefined ? {} : { pathBase64: file.pathBase64 }
  return { path: file.path, ...exact, sha256, bytes, worker, attempts }
}

function failureOf({ file, status, error }: FileRecord): DigestFailure[] {
  if (status !== 'failed' && status !== 'cancelled' && status !== 'expired') return []
  const code = error?.detail['code']
  return [
    {
      path: file.path,
      code: typeof code === 'string' ? code : (error?.code ?? 'UNKNOWN'),
      message: error?.message ?? '',
      status,
    },
  ]
}

/** Files with the same content; empty ones say nothing and are left out. Most bytes to be saved first. */
function duplicatesIn(results: readonly DigestResult[]): DuplicateGroup[] {
  const groups = new Map<string, DigestResult[]>()
  for (const result of results) {
    const group = groups.get(result.sha256)
    if (group === undefined) groups.set(result.sha256, [result])
    else group.push(result)
  }
  return [...groups.values()]
    .filter((group) => group.length > 1 && (group[0]?.bytes ?? 0) > 0)
    .map((group) => ({
      sha256: group[0]?.sha256 ?? '',
      bytes: group[0]?.bytes ?? 0,
      paths: group.map((result) => result.path),
    }))
    .toSorted((a, b) => b.bytes * (b.paths.length - 1) - a.bytes * (a.paths.length - 1))
}
