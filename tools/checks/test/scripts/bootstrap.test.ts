import { existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bareMachine, type Outcome } from './bare-machine.ts'

function expectAdvice(outcome: Outcome, text: string): void {
  expect(outcome.stderr).toContain(text)
  expect(outcome.stderr).not.toMatch(/^\s+at /m)
  expect(outcome.code).toBe(1)
}

const failing = (output: string): string => `console.error(${JSON.stringify(output)}); process.exit(1)`

describe('bootstrap', () => {
  it('says which Node is needed', async () => {
    const machine = bareMachine()
    expectAdvice(
      await machine.run('test', { nodeVersion: '20.18.3' }),
      'needs Node.js 20.19 or newer, and this is 20.18.3',
    )
    expectAdvice(await machine.run('start', { nodeVersion: '18.20.0' }), 'https://nodejs.org/')
  })

  it('says where npx comes from when it is missing', async () => {
    expectAdvice(await bareMachine().run('test'), 'npx is missing. It is a part of npm')
  })

  it('says that the registry cannot be reached', async () => {
    const machine = bareMachine()
    machine.command('npx', failing('npm error code ENOTFOUND\nnpm error network request failed'))
    expectAdvice(
      await machine.run('start'),
      'pnpm@1.2.3 could not be fetched with npx: the npm registry cannot be reached',
    )
  })

  it('says which command mends a lockfile that does not fit', async () => {
    const machine = bareMachine()
    machine.tools()
    writeFileSync(
      join(machine.root, 'npx-bin', 'pnpm'),
      `#!${process.execPath}\n${failing('ERR_PNPM_OUTDATED_LOCKFILE')}`,
    )
    expectAdvice(await machine.run('test'), '`npx -y pnpm@1.2.3 install` brings it up to date')
  })

  it('shows the end of what an installation said', async () => {
    const machine = bareMachine()
    machine.tools()
    writeFileSync(
      join(machine.root, 'npx-bin', 'pnpm'),
      `#!${process.execPath}\n${failing('something else went wrong')}`,
    )
    expectAdvice(await machine.run('test'), 'something else went wrong')
  })

  it('installs once, and again only when something changed', async () => {
    const machine = bareMachine()
    machine.tools()
    const installs = (): number =>
      machine.calls().filter((call) => call === 'pnpm install --frozen-lockfile').length
    await machine.run('test')
    expect(installs()).toBe(1)
    await machine.run('test')
    expect(installs()).toBe(1)
    writeFileSync(join(machine.root, 'pnpm-lock.yaml'), 'other')
    await machine.run('test')
    expect(installs()).toBe(2)
    rmSync(join(machine.root, 'packages', 'b', 'node_modules'), { recursive: true })
    await machine.run('test')
    expect(installs()).toBe(3)
  })

  it('installs again after an installation that failed half-way, also of what was there before', async () => {
    const machine = bareMachine()
    machine.tools()
    await machine.run('test')
    const lockfile = join(machine.root, 'pnpm-lock.yaml')
    const pnpm = join(machine.root, 'npx-bin', 'pnpm')
    const working = readFileSync(pnpm)
    writeFileSync(lockfile, 'other')
    writeFileSync(pnpm, `#!${process.execPath}\n${failing('half of it')}`)
    await machine.run('test')
    writeFileSync(lockfile, '')
    writeFileSync(pnpm, working)
    await machine.run('test')
    expect(machine.calls().filter((call) => call.startsWith('pnpm install'))).toHaveLength(2)
  })

  it('ends an installation with itself, and leaves no lock', async () => {
    const machine = bareMachine()
    machine.tools()
    const pnpm = join(machine.root, 'npx-bin', 'pnpm')
    const ended = join(machine.root, 'ended')
    writeFileSync(
      pnpm,
      `#!${process.execPath}
      process.on('SIGTERM', () => { require('fs').writeFileSync(${JSON.stringify(ended)}, ''); process.exit(1) })
      setTimeout(() => {}, 60_000)
      require('fs').writeFileSync('installing', '')`,
    )
    const outcome = await machine.run('test', { interrupt: { at: 'installing', signal: 'SIGTERM' } })
    expect(outcome).toMatchObject({ code: 143, stderr: 'Installing dependencies …\n' })
    expect(existsSync(ended)).toBe(true)
    expect(existsSync(join(machine.root, '.tools', 'bootstrap.lock'))).toBe(false)
  })

  it('installs once for two runs at the same time', async () => {
    const machine = bareMachine()
    machine.tools()
    await Promise.all([machine.run('test'), machine.run('test'), machine.run('start')])
    expect(machine.calls().filter((call) => call.startsWith('pnpm install'))).toHaveLength(1)
  })

  it.each([
    ['that was killed', 999_999_999, 0],
    ['whose process number belongs to another now', process.pid, 60_000],
    ['that was killed before it could say its number', '', 60_000],
  ])('takes over from an installation %s', async (_, pid, silentMs) => {
    const machine = bareMachine()
    machine.tools()
    await machine.run('test')
    const lock = join(machine.root, '.tools', 'bootstrap.lock')
    writeFileSync(lock, String(pid))
    utimesSync(lock, new Date(), new Date(Date.now() - silentMs))
    writeFileSync(join(machine.root, 'pnpm-lock.yaml'), 'other')
    await machine.run('test')
    expect(machine.calls().filter((call) => call.startsWith('pnpm install'))).toHaveLength(2)
  })
})
