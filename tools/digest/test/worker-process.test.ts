import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

const module = join(import.meta.dirname, '../src/worker-process.ts')

describe('workerProcess', () => {
  it('signals nobody when its program could not be started: not its own process group either', async () => {
    const script = `
      import { workerProcess } from ${JSON.stringify(module)}
      const worker = workerProcess({ name: 'one', command: ['/nowhere/node'], env: {} })
      worker.kill('SIGTERM')
      worker.kill('SIGKILL')
      const { complaint } = await worker.exited
      console.log(complaint)`
    // In a process group of its own: what it kills by mistake is itself.
    const child = spawn(
      process.execPath,
      ['--conditions=@aether/source', '--import', 'tsx', '--input-type=module', '-e', script],
      { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
    )
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    expect(await once(child, 'close')).toEqual([0, null])
    expect(stdout).toBe('spawn /nowhere/node ENOENT\n')
  })
})
