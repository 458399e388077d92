import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

const said = '{ pct: 50 }\nhello, you\n'

test('the example says what it says in the README', async () => {
  const file = fileURLToPath(new URL('../examples/first.ts', import.meta.url))
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, ['--conditions=@aether/source', '--import', 'tsx', file])
  expect(stdout).toBe(said)
})
