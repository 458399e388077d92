import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

const said = `worker-1 gets task-1, attempt 1: a.png
worker-2 gets task-1, attempt 2: a.png
lease-lost
client learns: task-1 succeed, a.small.png
ok
`

test('the example says what it says in the README', async () => {
  const file = fileURLToPath(new URL('../examples/first.ts', import.meta.url))
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--conditions=@aether/source', '--import', 'tsx', file])
  expect(stdout).toBe(said)
})
