// Builds every package, unless nothing has changed since the last build.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exclusively, packageFolders, root } from './bootstrap.mjs'
import { Advice } from './fail.mjs'
import { run } from './processes.mjs'

const stampPath = join(root, '.tools', 'build.json')

/**
 * Leaves a current `dist` in every package. Quiet unless it fails; what it prints goes to stderr.
 * The files are left alone when they are current, so that processes which run from them are not disturbed.
 * @param {NodeJS.ProcessEnv} env what `bootstrap` returned
 */
export async function build(env) {
  if (isCurrent()) return
  await exclusively(async () => {
    if (isCurrent()) return
    process.stderr.write('Building …\n')
    const before = fingerprint()
    const args = ['run', 'build', '--output-logs=errors-only', '--log-order=grouped', '--ui=stream']
    const { code, output } = await run('turbo', args, { cwd: root, env })
    if (code !== 0)
      throw new Advice(
        `${output.trim()}\n\nThe build failed: mend what is named above; \`npm run build\` repeats it.`,
      )
    writeFileSync(stampPath, JSON.stringify({ fingerprint: before }))
  })
}

function isCurrent() {
  if (!buildable().every((folder) => existsSync(join(folder, 'dist', '.tsbuildinfo')))) return false
  try {
    return JSON.parse(readFileSync(stampPath, 'utf8')).fingerprint === fingerprint()
  } catch {
    return false
  }
}

function buildable() {
  return packageFolders().filter((folder) => {
    const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return scripts?.build !== undefined
  })
}

/** Of the names, sizes and times of everything that a build reads; times, so that a change that was taken back counts as one. */
function fingerprint() {
  const hash = createHash('sha256')
  const add = (/** @type {string} */ path) => {
    const { size, mtimeMs } = statSync(path)
    hash.update(`${path} ${size} ${mtimeMs}\n`)
  }
  for (const name of ['tsconfig.base.json', 'tsconfig.package.json', 'turbo.json', 'pnpm-lock.yaml'])
    add(join(root, name))
  for (const folder of buildable()) {
    for (const name of ['package.json', 'tsconfig.json']) add(join(folder, name))
    const source = join(folder, 'src')
    if (!existsSync(source)) continue
    const files = readdirSync(source, { recursive: true, withFileTypes: true })
    for (const file of files.filter((entry) => entry.isFile())) add(join(file.parentPath, file.name))
  }
  return hash.digest('hex')
}
