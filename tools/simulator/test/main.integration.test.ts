import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { scenarios } from '../src/scenarios/index.ts'

const folder = fileURLToPath(new URL('..', import.meta.url))
const made: string[] = []

afterEach(() => {
  for (const each of made.splice(0)) rmSync(each, { recursive: true })
})

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'simulator-'))
  made.push(path)
  return path
}

function run(script: string, ...args: readonly string[]): string {
  return execFileSync(
    execPath,
    ['--conditions=@aether/source', '--import', 'tsx', join(folder, script), ...args],
    { cwd: folder, encoding: 'utf8' },
  )
}

it('prints a table, draws a plot, writes the page, and does the same again', () => {
  const [first, second] = [temporary(), temporary()]
  const page = join(first, 'README.md')
  copyFileSync(join(folder, 'README.md'), page)
  const args = ['--scenario', 'slow-start', '--runs', '1', '--seed', '5', '--out']
  const output = run('src/main.ts', ...args, first, '--readme', page)
  const row = /\| p2c, slow start \| [\d.]+ \| [\d.]+ \|/.exec(output)?.[0]
  expect(row).toBeDefined()
  expect(readFileSync(page, 'utf8')).toContain(row)
  const { figures, ...rest } = JSON.parse(run('src/main.ts', ...args, second, '--json')) as {
    figures: Record<string, Record<string, Record<string, number>[]>>
  }
  expect(rest).toEqual({ seed: 5, runs: 1 })
  expect(row).toContain(figures['slow-start']!['p2c, slow start']![0]!['p99 ms']!.toFixed(1))
  const svg = (path: string): string => readFileSync(join(path, 'slow-start.svg'), 'utf8')
  expect(svg(first)).toBe(svg(second))
})

it('names commands in its page that there are', () => {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const page = readFileSync(join(folder, 'README.md'), 'utf8')
  const commands = [...page.matchAll(/^pnpm (\S+)/gm)].map(([, command]) => command)
  expect(commands.length).toBeGreaterThan(2)
  for (const command of commands) expect(Object.keys(scripts)).toContain(command)
})

it('shows every scenario in its page, with its claim, its table and a plot that is there', () => {
  const page = readFileSync(join(folder, 'README.md'), 'utf8')
  const plots = readdirSync(join(folder, 'plots'))
  expect(plots.toSorted()).toEqual(scenarios.map(({ name }) => `${name}.svg`).toSorted())
  for (const { name, claim, variants } of scenarios) {
    const part = page.slice(page.indexOf(`<!-- ${name} -->`), page.indexOf(`<!-- /${name} -->`))
    expect(part).toContain(claim)
    expect(part).toContain(`(plots/${name}.svg)`)
    for (const variant of variants) expect(part).toMatch(new RegExp(`\\| ${variant} +\\|`))
  }
})
