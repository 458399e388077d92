import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Finding } from '../finding.ts'
import { publishable, readWorkspace, type WorkspacePackage } from '../workspace.ts'
import { checkManifest } from './check-manifest.ts'
import { checkTarballFiles } from './tarball-files.ts'

interface Tarball {
  readonly path: string
  readonly files: readonly string[]
}

/** Reads every manifest, packs every package that is published, and holds the tarball against publint, attw and our own list of what belongs in it. */
export async function checkPackages(root: string): Promise<readonly Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'aether-packages-'))
  try {
    const workspace = readWorkspace(root)
    const findings = workspace.flatMap((each) =>
      checkManifest(each.manifest).map((message) => object(each, 'manifest', message)),
    )
    const pnpm = await pnpmCommand(root)
    for (const each of publishable(workspace)) findings.push(...(await checkPackage(each, pnpm, folder)))
    return findings
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function object(each: WorkspacePackage, rule: string, message: string): Finding {
  return { rule, file: `${each.path}/package.json`, message }
}

/** The pnpm on the PATH, where the scripts have put it; otherwise the pinned one through npx. */
async function pnpmCommand(root: string): Promise<readonly string[]> {
  const isThere = await run('pnpm', ['--version'], root).then(
    () => true,
    () => false,
  )
  if (isThere) return ['pnpm']
  const { packageManager } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly packageManager: string
  }
  return ['npx', '--yes', packageManager]
}

async function checkPackage(
  each: WorkspacePackage,
  pnpm: readonly string[],
  folder: string,
): Promise<readonly Finding[]> {
  const tarball = await pack(each, pnpm, folder)
  const readme = await readFile(join(each.folder, 'README.md'), 'utf8').catch(() => '')
  const findings = checkTarballFiles(each.manifest, tarball.files, readme).map((message) =>
    object(each, 'tarball', message),
  )
  const [publint, attw] = await Promise.all([
    run(commandPath('publint'), ['run', tarball.path, '--strict'], each.folder),
    run(
      commandPath('attw'),
      [tarball.path, '--profile', 'esm-only', '--no-emoji', '--no-color'],
      each.folder,
    ),
  ])
  if (publint.code !== 0) findings.push(object(each, 'publint', `publint objects:\n${publint.output}`))
  if (attw.code !== 0) findings.push(object(each, 'attw', `attw objects:\n${attw.output}`))
  return findings
}

function commandPath(name: string): string {
  return join(import.meta.dirname, '..', '..', 'node_modules', '.bin', name)
}

async function pack(each: WorkspacePackage, pnpm: readonly string[], folder: string): Promise<Tarball> {
  const [command = 'pnpm', ...first] = pnpm
  const { code, answer, output } = await run(
    command,
    [...first, 'pack', '--json', '--pack-destination', folder],
    each.folder,
  )
  if (code !== 0) throw new Error(`${each.path} cannot be packed:\n${output}`)
  const packed = JSON.parse(answer.slice(answer.indexOf('{'))) as {
    readonly filename: string
    readonly files: readonly { readonly path: string }[]
  }
  return { path: packed.filename, files: packed.files.map((file) => file.path) }
}

interface Ended {
  readonly code: number
  /** What went to standard output. */
  readonly answer: string
  /** All of it, warnings included. */
  readonly output: string
}

function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let answer = ''
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
      output += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, answer, output }))
  })
}
