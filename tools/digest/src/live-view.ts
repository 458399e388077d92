import { createLogUpdate } from 'log-update'

import { frame, plainLine } from './frame.ts'
import type { JobState } from './job-state.ts'
import { throughput } from './throughput.ts'

export interface ViewStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface ViewOptions {
  readonly stream: ViewStream
  /** Monotonic milliseconds. @default performance.now */
  readonly now?: () => number
}

const redrawMs = 100
const lineMs = 1_000

/** Shows a running job on `stream`: bars on a terminal, a line a second elsewhere. Call what it returns when the job is over. */
export function showProgress(state: JobState, options: ViewOptions): () => void {
  const { stream, now = () => performance.now() } = options
  const rates = throughput(now())
  const sample = (): ReturnType<typeof rates.sample> =>
    rates.sample(now(), { files: state.done, bytes: state.bytes })
  // A terminal that does not know its size (0 columns) cannot be drawn on either.
  if (stream.isTTY !== true || stream.columns === 0) {
    const write = (): void => void stream.write(`${plainLine(state, sample())}\n`)
    const timer = setInterval(write, lineMs)
    return () => {
      clearInterval(timer)
      write()
    }
  }
  const update = createLogUpdate(stream)
  const draw = (): void => {
    const { columns = 80, rows = 24 } = stream
    update(frame(state, { columns, rows, rates: sample(), now: now() }))
  }
  const timer = setInterval(draw, redrawMs)
  draw()
  return () => {
    clearInterval(timer)
    draw()
    update.done()
  }
}
