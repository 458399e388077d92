import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bareMachine, type BareMachine, type Outcome } from './bare-machine.ts'

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly success: boolean
}

const green = (tests: number): Report => ({ numPassedTests: tests, numFailedTests: 0, success: true })

/** A turbo whose build leaves what a build leaves, whose checks end with these codes, and whose tests leave these reports. */
function turbo(
  reports: Readonly<Record<string, Report>>,
  codes: Readonly<Record<string, number>> = {},
): string {
  return `
    const fs = require('fs')
    const task = process.argv[3]
    if (task === 'build') for (const name of ['a', 'b']) {
      fs.mkdirSync('packages/' + name + '/dist', { recursive: true })
      fs.writeFileSync('packages/' + name + '/dist/.tsbuildinfo', '')
    }
    if (task === 'test') for (const [name, report] of Object.entries(${JSON.stringify(reports)})) {
      fs.mkdirSync('packages/' + name + '/.reports', { recursive: true })
      fs.writeFileSync('packages/' + name + '/.reports/vitest.json', JSON.stringify(report))
    }
    process.exit(${JSON.stringify(codes)}[task] ?? 0)`
}

async function runTests(body: string, prepare: (machine: BareMachine) => void = () => {}): Promise<Outcome> {
  const machine = bareMachine()
  machine.tools(body)
  prepare(machine)
  return machine.run('test')
}

const lastLine = (outcome: Outcome): string | undefined => outcome.stdout.trimEnd().split('\n').at(-1)

describe('npm test', () => {
  it('adds up the reports of every package', async () => {
    const outcome = await runTests(turbo({ a: green(3), b: green(39) }))
    expect(lastLine(outcome)).toBe('42 passed, 0 failed')
    expect(outcome.code).toBe(0)
  })

  it('counts failed tests', async () => {
    const reports = { a: { numPassedTests: 3, numFailedTests: 2, success: false }, b: green(4) }
    const outcome = await runTests(turbo(reports, { test: 1 }))
    expect(lastLine(outcome)).toBe('7 passed, 2 failed')
    expect(outcome.code).toBe(1)
  })

  it('counts each failed check, and names it', async () => {
    const outcome = await runTests(turbo({ a: green(3), b: green(4) }, { lint: 1, 'check:api': 2 }))
    expect(outcome.stdout).toContain('lint: failed\ncheck:api: failed\n')
    expect(lastLine(outcome)).toBe('7 passed, 2 failed')
    expect(outcome.code).toBe(1)
  })

  it('brings the servers before the tests, looks at the matrix after them, and counts what fails there', async () => {
    const machine = bareMachine()
    machine.tools(turbo({ a: green(3), b: green(4) }, { provide: 1, 'check:matrix': 1 }))
    const outcome = await machine.run('test')
    const tasks = machine.calls().map((call) => call.split(' ')[2])
    expect(tasks.slice(tasks.indexOf('provide'))).toEqual(['provide', 'test', 'check:matrix'])
    expect(outcome.stdout).toContain('provide: failed\ncheck:matrix: failed\n')
    expect(lastLine(outcome)).toBe('7 passed, 2 failed')
    expect(outcome.code).toBe(1)
  })

  it('does not count the report of an earlier run', async () => {
    const outcome = await runTests(turbo({ a: green(3) }), ({ root }) => {
      mkdirSync(join(root, 'packages/b/.reports'), { recursive: true })
      writeFileSync(join(root, 'packages/b/.reports/vitest.json'), JSON.stringify(green(4)))
    })
    expect(outcome.stdout).toContain('b: its tests did not run to their end')
    expect(lastLine(outcome)).toBe('3 passed, 1 failed')
    expect(outcome.code).toBe(1)
  })

  it('counts a run that failed outside its tests', async () => {
    const outcome = await runTests(turbo({ a: green(3), b: { ...green(4), success: false } }, { test: 1 }))
    expect(lastLine(outcome)).toBe('7 passed, 1 failed')
    expect(outcome.code).toBe(1)
  })

  it('fails when turbo does, whatever the reports say', async () => {
    const outcome = await runTests(turbo({ a: green(3), b: green(4) }, { test: 1 }))
    expect(lastLine(outcome)).toBe('7 passed, 1 failed')
    expect(outcome.code).toBe(1)
  })

  it('goes on to the tests after a failed build, and counts it', async () => {
    const outcome = await runTests(turbo({ a: green(3), b: green(4) }, { build: 1 }))
    expect(outcome.stderr).toContain('The build failed')
    expect(lastLine(outcome)).toBe('7 passed, 1 failed')
    expect(outcome.code).toBe(1)
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends at %s with the check that is under way, and begins no other', async (signal, code) => {
    const machine = bareMachine()
    // A terminal tells the whole group of Ctrl-C; here the command ends by itself, as one that was told does.
    machine.tools(`
      if (process.argv[3] !== 'knip') process.exit(0)
      process.on('SIGTERM', () => process.exit(1))
      setTimeout(() => process.exit(1), ${signal === 'SIGINT' ? 1_000 : 60_000})
      require('fs').writeFileSync('at-knip', '')`)
    const outcome = await machine.run('test', { interrupt: { at: 'at-knip', signal } })
    expect(outcome).toMatchObject({ code, stderr: expect.not.stringMatching(/^\s+at /m) as string })
    expect(machine.calls().at(-1)).toMatch(/^turbo run knip /)
    expect(outcome.stdout).not.toContain('passed')
  })
})
