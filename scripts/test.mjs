// `npm test`: installs, runs every check and the tests of every package, and closes with `N passed, N failed`.
import { bootstrap, packageFolders, root } from './bootstrap.mjs'
import { build } from './build.mjs'
import { Advice, fail } from './fail.mjs'
import { runAttached } from './processes.mjs'
import { clearReports, tallyReports } from './reports.mjs'

/** What `pnpm check` runs too; each stands for itself, so that one failure does not hide another. */
const checks = [
  'lint',
  'format:check',
  'knip',
  'typecheck',
  'check:architecture',
  'check:docs',
  'check:packages',
  'check:api',
]

async function main() {
  const env = await bootstrap()
  const problems = []
  if (!(await isBuilt(env))) problems.push('build: failed')
  for (const check of checks) {
    if ((await turbo(env, [check])) !== 0) problems.push(`${check}: failed`)
  }
  // The servers that tests start, once and before all of them: none waits for a download. What is missing fails in its tests too.
  if ((await turbo(env, ['provide'])) !== 0) problems.push('provide: failed')
  const folders = packageFolders()
  clearReports(folders)
  // One package at a time: many tests watch real processes and sockets against a clock, and vitest itself uses two cores.
  const code = await turbo(env, ['test', '--concurrency=1'])
  // What the README says of the transports is what this run has shown.
  if ((await turbo(env, ['check:matrix'])) !== 0) problems.push('check:matrix: failed')
  const tally = tallyReports(folders)
  const failed = problems.length + tally.failed + (code !== 0 && tally.failed === 0 ? 1 : 0)
  for (const problem of [...problems, ...tally.problems]) process.stdout.write(`${problem}\n`)
  process.stdout.write(`${tally.passed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

/** A failed build is one more failure and not the end: its details show in the checks and tests that follow. */
async function isBuilt(/** @type {NodeJS.ProcessEnv} */ env) {
  try {
    await build(env)
    return true
  } catch (error) {
    if (!(error instanceof Advice)) throw error
    process.stderr.write(`${error.message}\n`)
    return false
  }
}

/** @param {NodeJS.ProcessEnv} env @param {readonly string[]} tasks */
function turbo(env, tasks) {
  const args = [
    'run',
    ...tasks,
    '--continue=dependencies-successful',
    '--output-logs=new-only',
    '--log-order=grouped',
    '--ui=stream',
  ]
  return runAttached('turbo', args, { cwd: root, env, input: 'ignore' })
}

main().then((code) => {
  process.exitCode = code
}, fail)
