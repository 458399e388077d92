// Brings a bare machine (Node and npm) to a workspace with its dependencies installed. Plain JavaScript without a dependency.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Advice } from './fail.mjs'
import { withLock } from './lock.mjs'
import { run } from './processes.mjs'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const pnpm = manifest.packageManager
const stampPath = join(root, 'node_modules', '.aether-bootstrap.json')
const executable = process.platform === 'win32' ? 'pnpm.cmd' : 'pnpm'

/** Holds the one lock under which this folder is installed or built. */
export function exclusively(/** @type {() => Promise<void>} */ work) {
  return withLock(join(root, '.tools', 'bootstrap.lock'), work, (owner) => {
    process.stderr.write(`Waiting for process ${owner}, which installs or builds in this folder.\n`)
  })
}

/**
 * Checks Node, installs what the lockfile says unless that is already there, and returns the environment in which turbo finds pnpm.
 * Everything it prints goes to stderr.
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
export async function bootstrap() {
  checkNode()
  const env = quietEnvironment()
  let stamp = readStamp()
  if (!isCurrent(stamp)) {
    await exclusively(async () => {
      stamp = readStamp()
      if (!isCurrent(stamp)) stamp = await install(env)
    })
  }
  env.PATH = [stamp.pnpmBin, join(root, 'node_modules', '.bin'), env.PATH].join(delimiter)
  return env
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  throw new Advice(
    `This workspace needs Node.js 20.19 or newer, and this is ${process.versions.node}.\n` +
      'Install one from https://nodejs.org/ (or `nvm install 22`), then run the same command again.',
  )
}

/** Nothing waits for a phone home, and flags that npm took for itself do not reach the tools. */
function quietEnvironment() {
  const quiet = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', NO_UPDATE_NOTIFIER: '1' }
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, ...quiet, WORKSPACE_NODE: process.version }
  for (const name of ['npm_config_json', 'npm_config_kill', 'npm_config_loglevel']) delete env[name]
  return env
}

/** @param {NodeJS.ProcessEnv} env */
async function install(env) {
  process.stderr.write('Installing dependencies …\n')
  const pnpmBin = await locatePnpm(env)
  // From now on nothing is known of what is there: half an installation is none, whatever it was made from.
  rmSync(stampPath, { force: true })
  // CI: pnpm asks nothing, also where it has to replace a node_modules of another kind.
  const { code, output } = await run(join(pnpmBin, executable), ['install', '--frozen-lockfile'], {
    cwd: root,
    env: { ...env, CI: 'true' },
  })
  if (code !== 0)
    throw new Advice(`The dependencies could not be installed: ${diagnose(output)}\n\n${tail(output)}`)
  const stamp = { pnpmBin, fingerprint: fingerprint() }
  mkdirSync(dirname(stampPath), { recursive: true })
  writeFileSync(stampPath, JSON.stringify(stamp))
  return stamp
}

/** Has npx fetch the pinned pnpm, and says in which folder its command is: the first of the PATH that npx gives. */
async function locatePnpm(/** @type {NodeJS.ProcessEnv} */ env) {
  const args = [
    '--yes',
    '--loglevel=error',
    `--package=${pnpm}`,
    '--',
    process.execPath,
    '-p',
    '`PATH=${process.env.PATH}`',
  ]
  const { code, output } = await run(
    'npx',
    process.platform === 'win32' ? args.map((arg) => JSON.stringify(arg)) : args,
    {
      cwd: root,
      env,
    },
  ).catch((error) => {
    if (error.code !== 'ENOENT') throw error
    throw new Advice(
      'npx is missing. It is a part of npm: install Node.js with npm from https://nodejs.org/ (Debian: `apt install npm`).',
    )
  })
  const path = /^PATH=(.*)$/m.exec(output)?.[1] ?? ''
  const found = path.split(delimiter).find((folder) => existsSync(join(folder, executable)))
  if (code === 0 && found !== undefined) return found
  throw new Advice(`${pnpm} could not be fetched with npx: ${diagnose(output)}\n\n${tail(output)}`)
}

/** @param {string} output */
function diagnose(output) {
  if (
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|META_FETCH|ERR_SOCKET|network|dns error/i.test(
      output,
    )
  ) {
    return 'the npm registry cannot be reached. Check the connection (`npm ping`), or set a registry that can be (`npm config set registry URL`).'
  }
  if (/OUTDATED_LOCKFILE|FROZEN_LOCKFILE/.test(output)) {
    return `pnpm-lock.yaml does not fit the package.json files. \`npx -y ${pnpm} install\` brings it up to date.`
  }
  if (/ENOSPC/.test(output)) return 'the disk is full.'
  if (/EACCES|EPERM|EROFS/.test(output))
    return `this user may not write there. \`ls -ld ${root} "$HOME"\` shows to whom it belongs.`
  return `\`npx -y ${pnpm} install --frozen-lockfile\` shows all of it.`
}

/** @param {string} output */
function tail(output) {
  return output.trim().split('\n').slice(-15).join('\n')
}

/** @returns {{ pnpmBin: string, fingerprint: string }} */
function readStamp() {
  try {
    return JSON.parse(readFileSync(stampPath, 'utf8'))
  } catch {
    return { pnpmBin: '', fingerprint: '' }
  }
}

/** @param {{ pnpmBin: string, fingerprint: string }} stamp */
function isCurrent(stamp) {
  if (!existsSync(join(stamp.pnpmBin, executable)) || stamp.fingerprint !== fingerprint()) return false
  return packageFolders().every((folder) => existsSync(join(folder, 'node_modules')))
}

/** Of all that decides what an installation holds. */
function fingerprint() {
  const hash = createHash('sha256').update(
    `${pnpm} ${process.version} ${process.platform} ${process.arch} ${root}`,
  )
  for (const folder of [root, ...packageFolders()]) hash.update(readFileSync(join(folder, 'package.json')))
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml']) hash.update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

/** Every package of the workspace, as pnpm-workspace.yaml names them. */
export function packageFolders() {
  return ['packages', 'apps', 'tools'].flatMap((group) => {
    const folder = join(root, group)
    if (!existsSync(folder)) return []
    const names = readdirSync(folder).sort()
    return names.map((name) => join(folder, name)).filter((path) => existsSync(join(path, 'package.json')))
  })
}
