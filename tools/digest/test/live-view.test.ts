import { Writable } from 'node:stream'

import { until } from '@aether/testing'
import { describe, expect, it } from 'vitest'

import { jobTracker } from '../src/job-state.ts'
import { showProgress, type ViewStream } from '../src/live-view.ts'

interface Sink {
  readonly stream: ViewStream
  text(): string
}

function sink(isTTY: boolean, columns = 80): Sink {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      text += chunk.toString()
      callback()
    },
  })
  return { stream: Object.assign(stream, { isTTY, columns, rows: 24 }), text: () => text }
}

describe('showProgress', () => {
  it('redraws on a terminal', async () => {
    const { state, performed } = jobTracker([{ path: 'long.bin', pathBase64: undefined }], ['worker-1'])
    const { stream, text } = sink(true)
    const stop = showProgress(state, { stream })
    for (const record of state.records) performed(record, performance.now())
    await until(() => text().includes('long.bin'))
    stop()
    expect(text()).toContain('\u001b[')
  })

  it.each([
    ['where there is no terminal', false, 80],
    ['on a terminal without a size', true, 0],
  ] as const)('writes plain lines %s, the last one at the end', async (_, isTTY, columns) => {
    const { state } = jobTracker([], ['worker-1'])
    const { stream, text } = sink(isTTY, columns)
    const stop = showProgress(state, { stream })
    await until(() => text().split('\n').length > 2)
    stop()
    expect(text()).not.toContain('\u001b')
    for (const line of text().trim().split('\n')) expect(line).toMatch(/^[█░]{20} 100% 0 of 0 files/)
  })
})
