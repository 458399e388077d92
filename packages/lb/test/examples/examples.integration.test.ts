import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const folder = new URL('../..', import.meta.url)
const textOf = (path: string): string => readFileSync(new URL(path, folder), 'utf8')
const readme = textOf('README.md')

it.each([
  ['route', 'answers: one, three\n'],
  ['configured', 'sticky: true\npicks explained: 3\naether_lb_requests_total 3\n'],
])(
  '%s prints what the README says',
  async (name, output) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=@aether/source', '--import', 'tsx', `examples/${name}.ts`],
      { cwd: folder },
    )
    expect(stdout).toBe(output)
    expect(readme).toContain(`(examples/${name}.ts)`)
  },
  60_000,
)

it('the first screen is a whole program: what was run above', () => {
  const [, first] = /```ts\n(.*?)```/s.exec(readme) ?? []
  expect(first).toBe(textOf('examples/route.ts'))
})

it('the configuration that is shown is the one that is read', () => {
  const [, yaml] = /```yaml\n(.*?)```/s.exec(readme) ?? []
  expect(yaml).toBe(textOf('examples/lb.yaml'))
})
