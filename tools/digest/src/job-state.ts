import type { AetherError } from '@aether/core'

import type { FoundFile } from './find-files.ts'

export type RecordStatus = 'waiting' | 'open' | 'succeeded' | 'failed' | 'cancelled' | 'expired'

/** What is known of one file. */
export interface FileRecord {
  readonly file: FoundFile
  status: RecordStatus
  /** How often its task was said to be over: once, or the ledger does not close. */
  ends: number
  /** Milliseconds of the monotonic clock. */
  startedAt: number
  worker: string | undefined
  attempts: number
  /** Read so far. */
  bytes: number
  /** Its size, as far as is known. */
  total: number
  sha256: string | undefined
  error: AetherError | undefined
}

/** What the views show: the records themselves, and running sums over them. */
export interface JobState {
  readonly records: readonly FileRecord[]
  /** Records whose task is performed and not over, oldest first. */
  readonly open: ReadonlySet<FileRecord>
  /** How many are over. */
  readonly done: number
  readonly failed: number
  /** Bytes digested, those of open files included. */
  readonly bytes: number
  /** Finished digests by worker. */
  readonly workers: ReadonlyMap<string, number>
}

/** How a task ended, in the words of the record. */
export interface RecordEnd {
  readonly status: 'succeeded' | 'failed' | 'cancelled' | 'expired'
  readonly worker: string | undefined
  readonly attempts: number
  readonly output: { readonly sha256: string; readonly bytes: number } | undefined
  readonly error: AetherError | undefined
}

export interface JobTracker {
  readonly state: JobState
  performed(record: FileRecord, at: number): void
  progressed(record: FileRecord, progress: RecordProgress): void
  ended(record: FileRecord, end: RecordEnd): void
}

export interface RecordProgress {
  readonly worker: string
  readonly bytes: number
  readonly total: number
}

export function jobTracker(files: readonly FoundFile[], workerNames: readonly string[]): JobTracker {
  const records: FileRecord[] = files.map((file) => ({
    file,
    status: 'waiting',
    ends: 0,
    startedAt: 0,
    worker: undefined,
    attempts: 0,
    bytes: 0,
    total: 0,
    sha256: undefined,
    error: undefined,
  }))
  const open = new Set<FileRecord>()
  const workers = new Map(workerNames.map((name) => [name, 0]))
  const state = { records, open, done: 0, failed: 0, bytes: 0, workers }

  function setBytes(record: FileRecord, bytes: number): void {
    state.bytes += bytes - record.bytes
    record.bytes = bytes
  }

  return {
    state,
    performed(record, at) {
      record.status = 'open'
      record.startedAt = at
      open.add(record)
    },
    progressed(record, { worker, bytes, total }) {
      if (record.status !== 'open') return
      setBytes(record, bytes)
      record.total = total
      record.worker = worker
    },
    ended(record, end) {
      record.ends++
      if (record.ends > 1) return
      open.delete(record)
      record.status = end.status
      record.worker = end.worker
      record.attempts = end.attempts
      record.error = end.error
      record.sha256 = end.output?.sha256
      setBytes(record, end.output?.bytes ?? 0)
      state.done++
      if (end.status !== 'succeeded') state.failed++
      else if (end.worker !== undefined) workers.set(end.worker, (workers.get(end.worker) ?? 0) + 1)
    },
  }
}
