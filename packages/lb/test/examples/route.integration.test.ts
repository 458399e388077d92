import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('the example prints what the README says', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=@aether/source', '--import', 'tsx', 'examples/route.ts'],
    { cwd: new URL('../..', import.meta.url) },
  )
  expect(stdout).toBe('answers: one, three\nsticky: true\nslots held: 0\n')
}, 60_000)
