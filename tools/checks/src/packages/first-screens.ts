import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { codeBlocks } from '../docs/markdown.ts'
import type { Finding } from '../finding.ts'
import { allDependencies, type WorkspacePackage } from '../workspace.ts'
import { ownCommand, ownFolder, runCommand } from './run-command.ts'

export interface Packed {
  readonly each: WorkspacePackage
  /** Of the tarball. */
  readonly path: string
}

/** What is compiled and run in the project. */
interface Screen {
  /** The folder in the project that it is pasted into. */
  readonly name: string
  /** Where it is from. */
  readonly file: string
  readonly text: string
  /** What the README says that it prints. */
  readonly prints: readonly string[]
}

/**
 * First screens of which only the types are looked at here: they speak to servers of others, or are called by what stands around them. The tests of
 * these packages run them, from their sources.
 */
const notRun = ['aethermagic', 'core', 'transport-mqtt', 'transport-redis']

const timeoutMs = 60_000

/**
 * What someone finds who installs a package and pastes what its README shows first: it is compiled, as are the examples that are installed with a
 * package, strictly and with our declarations, and run. Nothing is fetched: dependencies of ours are unpacked, those of others taken from this workspace.
 */
export async function checkFirstScreens(
  root: string,
  packed: readonly Packed[],
  project: string,
): Promise<readonly Finding[]> {
  const screens = [
    entryScreen(packed),
    ...(await readScreen('workspace', 'README.md', root)),
    ...(
      await Promise.all(packed.map(({ each }) => readScreen(short(each), `${each.path}/README.md`, root)))
    ).flat(),
  ]
  await install(packed, project)
  for (const { name, text } of screens) {
    await mkdir(join(project, name), { recursive: true })
    await writeFile(join(project, name, 'first-screen.ts'), text)
  }
  const findings = await compile(project, screens)
  if (findings.length > 0) return findings
  const cli = join(project, 'node_modules/@aether/broker/dist/cli.js')
  const broker = existsSync(cli) ? await startBroker(cli) : undefined
  try {
    const running = screens.filter((screen) => !notRun.includes(screen.name))
    return (await Promise.all(running.map((screen) => run(screen, project, broker?.url ?? '')))).flat()
  } finally {
    if (broker?.child.pid !== undefined) broker.child.kill('SIGKILL')
  }
}

/** Every entry point of every package is there and can be imported, also where no first screen runs. */
function entryScreen(packed: readonly Packed[]): Screen {
  const entries = packed.flatMap(({ each: { name, manifest } }) =>
    Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) =>
      typeof target === 'string' ? [] : [`${name}${subpath.slice(1)}`],
    ),
  )
  const lines = entries.map((entry, index) => `export * as entry${index} from '${entry}'\n`)
  return { name: 'entry-points', file: 'packages/*/package.json', text: lines.join(''), prints: [] }
}

function short({ name }: WorkspacePackage): string {
  return name.replace(/^@[^/]*\//, '')
}

async function readScreen(name: string, file: string, root: string): Promise<readonly Screen[]> {
  const readme = await readFile(join(root, file), 'utf8').catch(() => '')
  const first = codeBlocks(readme).find((block) => block.language === 'ts')
  // One that imports a file of the reader's own is no whole.
  if (first === undefined || / from '\.\.?\//.test(first.text)) return []
  const sentence = /^It prints (.*)/m.exec(readme)?.[1] ?? ''
  // A file in brackets is where the example is from.
  const prints = [...sentence.replaceAll(/\([^)]*\)/g, '').matchAll(/`([^`]+)`/g)].map(
    (match) => match[1] ?? '',
  )
  return [{ name, file, text: `${first.text}\n`, prints }]
}

async function install(packed: readonly Packed[], project: string): Promise<void> {
  for (const { each, path } of packed) {
    const folder = join(project, 'node_modules', each.name)
    await mkdir(folder, { recursive: true })
    const { code, output } = await runCommand('tar', ['-xzf', path, '-C', folder, '--strip-components=1'], {
      cwd: project,
    })
    if (code !== 0) throw new Error(`${path} cannot be unpacked:\n${output}`)
    const examples = join(folder, 'examples')
    if (existsSync(examples)) await cp(examples, join(project, short(each)), { recursive: true })
  }
  const places = packed.map(({ each }) => [each.folder, allDependencies(each.manifest)] as const)
  for (const [folder, names] of [...places, [ownFolder, ['zod', '@types/node']] as const]) {
    for (const name of names)
      await link(join(folder, 'node_modules', name), join(project, 'node_modules', name))
  }
  await writeFile(join(project, 'package.json'), '{"type":"module"}')
}

async function link(target: string, path: string): Promise<void> {
  if (existsSync(path) || !existsSync(target)) return
  await mkdir(dirname(path), { recursive: true })
  await symlink(target, path)
}

async function compile(project: string, screens: readonly Screen[]): Promise<readonly Finding[]> {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2022',
    lib: ['es2023', 'esnext.disposable'],
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    rewriteRelativeImportExtensions: true,
    rootDir: '.',
    outDir: 'out',
  }
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  const { output } = await runCommand(ownCommand('tsc'), ['--pretty', 'false'], { cwd: project })
  return output.split(/\n(?=\S)/).flatMap((message) => {
    if (!/(^|: )error TS/.test(message)) return []
    const [place = ''] = message.split('(')
    // What packages of others declare is theirs.
    if (/^(\.\.|node_modules\/(?!@aether\/))/.test(place)) return []
    const screen = screens.find(({ name }) => place.startsWith(`${name}/`))
    const file = screen?.file ?? 'README.md'
    return [{ rule: 'first-screen', file, message: `does not compile where it is installed: ${message}` }]
  })
}

async function run(
  { name, file, prints }: Screen,
  project: string,
  url: string,
): Promise<readonly Finding[]> {
  const cwd = join(project, 'out', name)
  const { code, answer, output } = await runCommand(process.execPath, ['first-screen.js', url], {
    cwd,
    timeoutMs,
  })
  const object = (message: string): Finding => ({
    rule: 'first-screen',
    file,
    message: `${message}:\n${output}`,
  })
  if (code !== 0) return [object(`ends with code ${code} where it is installed`)]
  return prints
    .filter((text) => !answer.includes(text))
    .map((text) => object(`says that its example prints "${text}", and it prints something else`))
}

/** The broker as its command line starts it; resolves with the URL that it prints. */
function startBroker(cli: string): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, '--port', '0'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 4 * timeoutMs,
    })
    let output = ''
    const collect = (chunk: Buffer): void => {
      output += chunk.toString()
      const url = /aether:\/\/\S+(?=\s)/.exec(output)?.[0]
      if (url !== undefined) resolve({ child, url })
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', reject)
    child.on('close', () => reject(new Error(`the broker does not start:\n${output}`)))
  })
}
