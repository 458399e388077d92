import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Finding } from '../finding.ts'
import { publishable, readWorkspace, type WorkspacePackage } from '../workspace.ts'
import { checkManifest } from './check-manifest.ts'
import { checkFirstScreens, type Packed } from './first-screens.ts'
import { ownCommand, runCommand } from './run-command.ts'
import { checkTarballFiles } from './tarball-files.ts'

interface Tarball {
  readonly path: string
  readonly files: readonly string[]
}

/**
 * Reads every manifest, packs every package that is published, holds the tarball against publint, attw and our own list of what belongs in it, and
 * tries what the READMEs show first with what was packed.
 */
export async function checkPackages(root: string): Promise<readonly Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'aether-packages-'))
  try {
    const workspace = readWorkspace(root)
    const findings = workspace.flatMap((each) =>
      checkManifest(each.manifest).map((message) => object(each, 'manifest', message)),
    )
    const pnpm = await pnpmCommand(root)
    const packed: Packed[] = []
    for (const each of publishable(workspace)) {
      const tarball = await pack(each, pnpm, folder)
      packed.push({ each, path: tarball.path })
      findings.push(...(await checkTarball(each, tarball)))
    }
    return [...findings, ...(await checkFirstScreens(root, packed, join(folder, 'project')))]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function object(each: WorkspacePackage, rule: string, message: string): Finding {
  return { rule, file: `${each.path}/package.json`, message }
}

/** The pnpm on the PATH, where the scripts have put it; otherwise the pinned one through npx. */
async function pnpmCommand(root: string): Promise<readonly string[]> {
  const isThere = await runCommand('pnpm', ['--version'], { cwd: root }).then(
    () => true,
    () => false,
  )
  if (isThere) return ['pnpm']
  const { packageManager } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly packageManager: string
  }
  return ['npx', '--yes', packageManager]
}

async function checkTarball(each: WorkspacePackage, tarball: Tarball): Promise<readonly Finding[]> {
  const readme = await readFile(join(each.folder, 'README.md'), 'utf8').catch(() => '')
  const findings = checkTarballFiles(each.manifest, tarball.files, readme).map((message) =>
    object(each, 'tarball', message),
  )
  const [publint, attw] = await Promise.all([
    runCommand(ownCommand('publint'), ['run', tarball.path, '--strict'], { cwd: each.folder }),
    runCommand(ownCommand('attw'), [tarball.path, '--profile', 'esm-only', '--no-emoji', '--no-color'], {
      cwd: each.folder,
    }),
  ])
  if (publint.code !== 0) findings.push(object(each, 'publint', `publint objects:\n${publint.output}`))
  if (attw.code !== 0) findings.push(object(each, 'attw', `attw objects:\n${attw.output}`))
  return findings
}

async function pack(each: WorkspacePackage, pnpm: readonly string[], folder: string): Promise<Tarball> {
  const [command = 'pnpm', ...first] = pnpm
  const { code, answer, output } = await runCommand(
    command,
    [...first, 'pack', '--json', '--pack-destination', folder],
    { cwd: each.folder },
  )
  if (code !== 0) throw new Error(`${each.path} cannot be packed:\n${output}`)
  const packed = JSON.parse(answer.slice(answer.indexOf('{'))) as {
    readonly filename: string
    readonly files: readonly { readonly path: string }[]
  }
  return { path: packed.filename, files: packed.files.map((file) => file.path) }
}
