import type { JobOutcome } from './run-job.ts'

/** 0: every file is accounted for (failed ones too). 1: the ledger does not close, or the run could not go on. 130: interrupted, and the ledger closes. */
export function exitCodeOf({ summary, failure }: JobOutcome, wasInterrupted: boolean): number {
  if (summary.gaps.length > 0 || failure !== undefined) return 1
  return wasInterrupted ? 130 : 0
}
