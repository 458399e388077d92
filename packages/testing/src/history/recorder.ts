import type { RecordEntry } from './history.ts'

/** Collects what clients, workers and nemeses saw, in the order in which it was told. */
export interface Recorder {
  readonly entries: readonly RecordEntry[]
  record(entry: RecordEntry): void
}

/** Makes an empty recorder; it keeps every entry for as long as it lives, so it is for tests only. */
export function createRecorder(): Recorder {
  const entries: RecordEntry[] = []
  return {
    entries,
    record(entry) {
      entries.push(entry)
    },
  }
}
