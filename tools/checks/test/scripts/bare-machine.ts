import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { onTestFinished } from 'vitest'

const scripts = join(import.meta.dirname, '..', '..', '..', '..', 'scripts')

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The version that Node says it is. */
  readonly nodeVersion?: string
  /** Is sent to the script, and to it alone, once a command has made the file of this name in the root. */
  readonly interrupt?: { readonly at: string; readonly signal: NodeJS.Signals }
}

export interface BareMachine {
  readonly root: string
  /** Puts a command on the PATH, as the body of a script of Node. */
  command(name: string, body: string): void
  /** Makes npx, pnpm and turbo that work, each call of which is written down. */
  tools(turbo?: string): void
  /** The calls so far, `npx --yes …`. */
  calls(): readonly string[]
  run(script: 'start' | 'test', options?: RunOptions): Promise<Outcome>
}

/** A clone of a workspace with two packages on a machine with Node alone: the real scripts, and only those commands that a test adds. */
export function bareMachine(): BareMachine {
  const root = mkdtempSync(join(tmpdir(), 'aether-scripts-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  const bin = join(root, 'bin')
  const log = join(root, 'calls.log')
  mkdirSync(bin)
  cpSync(scripts, join(root, 'scripts'), { recursive: true })
  writeWorkspace(root)

  const write = (folder: string, name: string, body: string): void => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}')
    const call = `require('fs').appendFileSync(${JSON.stringify(log)}, ['${name}', ...process.argv.slice(2)].join(' ') + '\\n')`
    writeFileSync(join(folder, name), `#!${process.execPath}\n${call}\n${body}\n`, { mode: 0o755 })
  }

  return {
    root,
    command: (name, body) => write(bin, name, body),
    tools(turbo = '') {
      const pnpmBin = join(root, 'npx-bin')
      write(bin, 'npx', `console.log('PATH=' + ${JSON.stringify(pnpmBin)} + '${delimiter}/elsewhere')`)
      write(
        pnpmBin,
        'pnpm',
        `for (const f of ['.', 'packages/a', 'packages/b']) require('fs').mkdirSync(f + '/node_modules', { recursive: true })`,
      )
      write(bin, 'turbo', turbo)
    },
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
    run(script, options = {}) {
      const pretend = `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${options.nodeVersion ?? '20.19.0'}'})`
      const args = ['--import', pretend, join(root, 'scripts', `${script}.mjs`), ...(options.args ?? [])]
      return finish(args, { cwd: root, env: { PATH: bin, HOME: root, ...options.env } }, options.interrupt)
    },
  }
}

function writeWorkspace(root: string): void {
  const write = (path: string, content: unknown): void => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  write('package.json', { name: 'aether', type: 'module', packageManager: 'pnpm@1.2.3' })
  for (const file of [
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'turbo.json',
    'tsconfig.base.json',
    'tsconfig.package.json',
  ]) {
    write(file, '')
  }
  for (const name of ['a', 'b']) {
    write(`packages/${name}/package.json`, { name, scripts: { build: 'tsc', test: 'vitest' } })
    write(`packages/${name}/tsconfig.json`, '{}')
    write(`packages/${name}/src/index.ts`, '')
  }
}

function finish(
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  interrupt: RunOptions['interrupt'],
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const looking = setInterval(() => {
      if (interrupt === undefined || !existsSync(join(options.cwd, interrupt.at))) return
      clearInterval(looking)
      child.kill(interrupt.signal)
    }, 20)
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(looking)
      resolve({ code, stdout, stderr })
    })
  })
}
