import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'

import { frame, plainLine } from '../src/frame.ts'
import { jobTracker } from '../src/job-state.ts'

const rates = { files: 1_200, bytes: 50_000_000 }
const names = ['short', `${'deep/'.repeat(40)}end.txt`, '我喜欢编程'.repeat(20), 'd', 'e']

function running(): ReturnType<typeof jobTracker> {
  const tracker = jobTracker(
    names.map((path) => ({ path, pathBase64: undefined })),
    ['worker-1', 'worker-2'],
  )
  for (const [index, record] of tracker.state.records.entries()) {
    tracker.performed(record, 0)
    if (index < 3) tracker.progressed(record, { worker: 'worker-2', bytes: 500_000, total: 1_000_000 })
  }
  return tracker
}

describe('frame', () => {
  it('draws the job, the workers and a bar for each running task, each within its line', () => {
    const { state } = running()
    const lines = frame(state, { columns: 80, rows: 24, rates, now: 50 }).split('\n')
    expect(lines[0]).toContain('0 of 5 files, 1.50 MB, 50.0 MB/s')
    expect(lines[1]).toBe('worker-1: 0  worker-2: 0')
    expect(lines).toHaveLength(5)
    expect(lines[2]).toBe(`${'█'.repeat(10)}${'░'.repeat(10)}  50%  1.00 MB worker-2  short`)
    expect(lines[3]).toContain('end.txt')
    for (const line of lines) expect(stringWidth(line)).toBeLessThan(80)
  })

  it('shows a task that takes long though it has said nothing, and no more than the screen holds', () => {
    const { state } = running()
    expect(frame(state, { columns: 80, rows: 24, rates, now: 500 }).split('\n')).toHaveLength(7)
    const lines = frame(state, { columns: 80, rows: 8, rates, now: 500 }).split('\n')
    expect(lines).toHaveLength(5)
    expect(lines.at(-1)).toBe('… and 3 more running')
  })

  it('fits a terminal of any width, and one that does not know its size', () => {
    const { state } = running()
    for (const columns of [2, 10, 41, 42, 60, 200]) {
      const lines = frame(state, { columns, rows: 5, rates, now: 500 }).split('\n')
      for (const line of lines) expect(stringWidth(line)).toBeLessThan(columns)
    }
    expect(frame(state, { columns: 0, rows: 0, rates, now: 500 })).toBe(
      frame(state, { columns: 80, rows: 24, rates, now: 500 }),
    )
  })

  it('is one line where there is no screen', () => {
    const tracker = running()
    const [record] = tracker.state.records
    const output = { sha256: 'x', bytes: 1_000_000 }
    if (record !== undefined) {
      tracker.ended(record, {
        status: 'succeeded',
        worker: 'worker-1',
        attempts: 1,
        output,
        error: undefined,
      })
    }
    expect(plainLine(tracker.state, rates)).toContain(
      '1 of 5 files, 2.00 MB, 50.0 MB/s, 1\u00a0200 files/s; worker-1: 1  worker-2: 0',
    )
  })
})
