import type { Aether } from '@aether/core'
import { filesDigest } from '@aether/worker'

import type { FileRecord, JobTracker } from './job-state.ts'

export interface PerformAllOptions {
  readonly aether: Aether
  readonly tracker: JobTracker
  /** Tasks performed and not over, at most. */
  readonly inFlight: number
  /** Cancels what is open and starts no more. */
  readonly signal: AbortSignal
  /** Monotonic milliseconds. @default performance.now */
  readonly now?: () => number
  /** Called after each sign of progress and each end. */
  readonly onChange?: () => void
}

/** Performs one `files/digest` task for each record, a bounded number at a time; resolves when each is over or, once aborted, never started. */
export async function performAll(options: PerformAllOptions): Promise<void> {
  const { tracker, inFlight, signal } = options
  const { records } = tracker.state
  let next = 0

  async function lane(): Promise<void> {
    for (let record = records[next++]; record !== undefined && !signal.aborted; record = records[next++]) {
      await performOne(record, options)
    }
  }

  await Promise.all(Array.from({ length: Math.min(inFlight, records.length) }, lane))
}

async function performOne(record: FileRecord, options: PerformAllOptions): Promise<void> {
  const { aether, tracker, signal, now = () => performance.now(), onChange } = options
  const { path, pathBase64 } = record.file
  tracker.performed(record, now())
  const run = aether.perform(filesDigest, pathBase64 === undefined ? { path } : { path, pathBase64 }, {
    signal,
    // A worker that was killed is back in a moment: waiting is better than failing when all are away at once.
    waitForWorkers: true,
    onStatus({ worker, data }) {
      if (data === undefined) return
      tracker.progressed(record, { worker, ...data })
      onChange?.()
    },
    // The number of calls is what the ledger is held against.
    onSettled(settlement) {
      const isDone = settlement.status === 'succeeded'
      tracker.ended(record, {
        status: settlement.status,
        worker: settlement.worker,
        attempts: settlement.attempt,
        output: isDone ? (settlement.value as { sha256: string; bytes: number }) : undefined,
        error: isDone ? undefined : settlement.error,
      })
      onChange?.()
    },
  })
  await run.settle()
}
