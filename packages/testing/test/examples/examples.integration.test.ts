import { execFile } from 'node:child_process'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { describe, expect, it } from 'vitest'

const run = promisify(execFile)

describe('examples', () => {
  it('fault-proxy.ts', async () => {
    const file = fileURLToPath(new URL('../../examples/fault-proxy.ts', import.meta.url))
    const { stdout } = await run(execPath, ['--conditions=@aether/source', '--import', 'tsx', file], {
      timeout: 15_000,
    })
    expect(stdout).toBe('hello after at least 200 ms\ncut: ECONNRESET, 0 open\nagain 2\n')
  })
})
