import { AetherError, type Ledger } from '@aether/core'
import { describe, expect, it } from 'vitest'

import { exitCodeOf } from '../src/exit-code.ts'
import type { FoundFiles } from '../src/find-files.ts'
import { type JobTracker, jobTracker, type RecordEnd } from '../src/job-state.ts'
import { summarise, type Summary } from '../src/summary.ts'
import { summaryText } from '../src/summary-text.ts'

const done = (sha256: string, worker = 'worker-1', attempts = 1, bytes = 10): RecordEnd => {
  return { status: 'succeeded', worker, attempts, output: { sha256, bytes }, error: undefined }
}
const failed: RecordEnd = {
  status: 'failed',
  worker: 'worker-1',
  attempts: 1,
  output: undefined,
  error: new AetherError('ERR_AETHER_TASK_FAILED', 'cannot read "c": gone (ENOENT)', {
    detail: { code: 'ENOENT' },
  }),
}
const closed: Ledger = { performed: 4, succeeded: 3, failed: 1, cancelled: 0, expired: 0, open: 0 }
const found: FoundFiles = {
  files: ['a', 'b', 'c', 'd'].map((path) => ({ path, pathBase64: undefined })),
  links: 2,
  others: 1,
  problems: [{ path: 'dark', code: 'EACCES', message: 'EACCES: permission denied' }],
}

function tracked(ends: readonly RecordEnd[]): JobTracker {
  const tracker = jobTracker(found.files, ['worker-1', 'worker-2'])
  for (const [index, record] of tracker.state.records.entries()) {
    const end = ends[index]
    if (end === undefined) continue
    tracker.performed(record, 0)
    tracker.ended(record, end)
  }
  return tracker
}

function summary(tracker: JobTracker, ledger: Ledger = closed): Summary {
  const killed = { worker: 'worker-2', pid: 7, afterFiles: 2, restartedAs: 8 }
  return summarise({ folder: '/f', found, state: tracker.state, ledger, seconds: 1.23449, killed })
}

const all = [done('x'), done('x', 'worker-2', 2), failed, done('y')]

describe('summarise', () => {
  it('accounts for every file once', () => {
    expect(summary(tracked(all))).toEqual({
      folder: '/f',
      files: 4,
      bytes: 30,
      seconds: 1.234,
      results: [
        { path: 'a', sha256: 'x', bytes: 10, worker: 'worker-1', attempts: 1 },
        { path: 'b', sha256: 'x', bytes: 10, worker: 'worker-2', attempts: 2 },
        { path: 'd', sha256: 'y', bytes: 10, worker: 'worker-1', attempts: 1 },
      ],
      failures: [{ path: 'c', code: 'ENOENT', message: 'cannot read "c": gone (ENOENT)', status: 'failed' }],
      notStarted: 0,
      workers: { 'worker-1': 2, 'worker-2': 1 },
      ledger: closed,
      gaps: [],
      duplicates: [{ sha256: 'x', bytes: 10, paths: ['a', 'b'] }],
      retried: 1,
      killed: { worker: 'worker-2', pid: 7, afterFiles: 2, restartedAs: 8 },
      skipped: { links: 2, others: 1 },
      unreadableFolders: found.problems,
    })
  })

  it('finds a ledger that does not add up, a lost file and one that ended twice', () => {
    expect(summary(tracked(all), { ...closed, succeeded: 2 }).gaps).toHaveLength(2)
    expect(summary(tracked(all), { ...closed, performed: 5, open: 1 }).gaps).toEqual([
      'performed 5 ≠ 4 = succeeded + failed + cancelled + expired',
      '1 still open',
      '4 files were started, 5 tasks performed',
    ])
    const lost = tracked(all.slice(0, 3))
    const [last] = lost.state.records.slice(-1)
    if (last !== undefined) lost.performed(last, 0)
    expect(summary(lost).gaps).toEqual(['2 files succeeded, the ledger says 3', '"d" ended 0 times'])
    const twice = tracked(all)
    const [first] = twice.state.records
    if (first !== undefined) twice.ended(first, done('z'))
    expect(summary(twice).gaps).toEqual(['"a" ended 2 times'])
    expect(twice.state.done).toBe(4)
  })

  it('leaves files that were never started out of the ledger, and counts them', () => {
    const ledger = { ...closed, performed: 3, succeeded: 2 }
    expect(summary(tracked(all.slice(0, 3)), ledger)).toMatchObject({ gaps: [], notStarted: 1, files: 4 })
  })
})

describe('summaryText', () => {
  it('tells all of it', () => {
    const text = summaryText(summary(tracked(all)))
    for (const part of [
      '4 files, 30 B in 1.23 s',
      'digests     3 (SHA-256), 2 different',
      'worker-1    2 (67 %)',
      'duplicates  1 files say again what another says, 10 B',
      'failed c: cannot read "c": gone (ENOENT)',
      'not files   2 links (not followed), 1 pipes',
      'dark: EACCES: permission denied',
      'killed      worker-2 (process 7) with SIGKILL after 2 files, restarted as process 8; 1 files took more than one attempt',
      'ledger      performed 4 = succeeded 3 + failed 1 + cancelled 0 + expired 0, nothing open: it closes',
    ]) {
      expect(text).toContain(part)
    }
  })

  it('shows no control characters of file names, and says so when the ledger does not close', () => {
    const error = new AetherError('ERR_AETHER_TASK_FAILED', 'x\u001b[2J')
    const text = summaryText(
      summary(tracked([done('x'), done('x'), { ...failed, error }, done('y')]), { ...closed, open: 1 }),
    )
    expect(text).not.toContain('\u001b')
    expect(text).toContain('IT DOES NOT CLOSE')
    expect(text).toContain('1 still open')
  })
})

describe('exitCodeOf', () => {
  it('is 0 for failed files, 1 where the ledger does not close or the run broke off, 130 after Ctrl-C', () => {
    const good = { summary: summary(tracked(all)), failure: undefined }
    const open = { summary: summary(tracked(all), { ...closed, open: 1 }), failure: undefined }
    expect(exitCodeOf(good, false)).toBe(0)
    expect(exitCodeOf(good, true)).toBe(130)
    expect(exitCodeOf(open, false)).toBe(1)
    expect(exitCodeOf(open, true)).toBe(1)
    expect(exitCodeOf({ ...good, failure: new Error('workers keep ending') }, false)).toBe(1)
  })
})
