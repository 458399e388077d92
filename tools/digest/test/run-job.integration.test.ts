import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { exitCodeOf } from '../src/exit-code.ts'
import { type JobOutcome, runJob } from '../src/run-job.ts'
import { temporaryFolder } from './temporary-folder.ts'

const never = new AbortController().signal

function run(folder: string, workerCommand: readonly [string, ...string[]]): Promise<JobOutcome> {
  return runJob({
    folder,
    kill: false,
    workerCommand,
    env: process.env,
    signal: never,
    killSignal: never,
    onStart: () => () => undefined,
  })
}

describe('runJob', () => {
  it('cancels what is open when its workers keep ending, and the summary still accounts for it', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'a'), 'a')
    await writeFile(join(folder, 'b'), 'b')
    // They say that they are ready and take no task: what is performed stays open until the pool gives up.
    const script = `console.log('{"msg":"ready"}'); setTimeout(() => process.exit(3), 20)`
    const outcome = await run(folder, [process.execPath, '-e', script])
    expect(outcome.failure?.message).toMatch(/^worker-\d keeps ending \(exit code 3\)$/)
    const { files, ledger, gaps, failures, notStarted } = outcome.summary
    expect({ files, gaps }).toEqual({ files: 2, gaps: [] })
    expect(ledger.performed).toBe(ledger.cancelled)
    expect(failures.length + notStarted).toBe(2)
    expect(exitCodeOf(outcome, false)).toBe(1)
  })

  it('rejects with the worker’s own words when it cannot start', async () => {
    const folder = await temporaryFolder()
    await expect(run(folder, [process.execPath, '-e', `console.error('no handlers')`])).rejects.toThrow(
      /worker-\d ended before it was ready: exit code 0: no handlers/,
    )
  })
})
