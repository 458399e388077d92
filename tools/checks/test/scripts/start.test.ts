import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { bareMachine, type BareMachine } from './bare-machine.ts'

/** A machine whose main job says how it was called, and ends with 7. */
function machineWithJob(): BareMachine {
  const machine = bareMachine()
  machine.tools(`
    for (const name of ['a', 'b']) {
      require('fs').mkdirSync('packages/' + name + '/dist', { recursive: true })
      require('fs').writeFileSync('packages/' + name + '/dist/.tsbuildinfo', '')
    }
    console.log('built')`)
  mkdirSync(join(machine.root, 'tools/digest/dist'), { recursive: true })
  const job = `console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7`
  writeFileSync(join(machine.root, 'tools/digest/dist/main.js'), job)
  return machine
}

describe('npm start', () => {
  it('prints what the job prints, alone, and ends as the job does', async () => {
    const outcome = await machineWithJob().run('start')
    expect(outcome.stdout).toBe('[]\n')
    expect(outcome.code).toBe(7)
  })

  it('takes a folder as seen from where the command was typed', async () => {
    const outcome = await machineWithJob().run('start', {
      args: ['pictures', '/abs'],
      env: { INIT_CWD: '/home/ada' },
    })
    expect(outcome.stdout).toBe('["/home/ada/pictures","/abs"]\n')
  })

  it('hands on flags, also those that npm kept for itself', async () => {
    const machine = machineWithJob()
    expect((await machine.run('start', { args: ['--json', '/abs'] })).stdout).toBe('["--json","/abs"]\n')
    const env = { npm_config_kill: 'true', npm_config_json: 'true' }
    expect((await machine.run('start', { args: ['/abs'], env })).stdout).toBe('["--kill","--json","/abs"]\n')
    expect((await machine.run('start', { args: ['--kill'], env: { npm_config_kill: 'true' } })).stdout).toBe(
      '["--kill"]\n',
    )
  })

  it('builds again only when a source changed', async () => {
    const machine = machineWithJob()
    const builds = (): number => machine.calls().filter((call) => call.startsWith('turbo run build')).length
    await machine.run('start')
    await machine.run('start')
    expect(builds()).toBe(1)
    writeFileSync(join(machine.root, 'packages/a/src/more.ts'), '')
    await machine.run('start')
    expect(builds()).toBe(2)
  })

  it('says what to do when the build fails', async () => {
    const machine = machineWithJob()
    machine.command('turbo', `console.log('src/index.ts(1,1): error TS1: no'); process.exit(2)`)
    const outcome = await machine.run('start')
    expect(outcome).toMatchObject({ code: 1, stdout: '' })
    expect(outcome.stderr).toContain('error TS1: no')
    expect(outcome.stderr).toContain('`npm run build` repeats it')
  })
})
