// `npm start [folder]`: installs, builds, and runs the main job.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bootstrap, root } from './bootstrap.mjs'
import { build } from './build.mjs'
import { Advice, fail } from './fail.mjs'
import { runAttached } from './processes.mjs'

/** The flags of the main job; npm keeps those that stand before `--` for itself and hands them on in the environment. */
const flags = ['kill', 'json']

async function main() {
  const env = await bootstrap()
  await build(env)
  const job = join(root, 'tools', 'digest', 'dist', 'main.js')
  if (!existsSync(job))
    throw new Advice(
      `${job} is missing though the build succeeded: \`git status tools/digest\` shows what was removed.`,
    )
  return runAttached(process.execPath, [job, ...jobArguments()], { cwd: root, env, isLast: true })
}

function jobArguments() {
  const given = process.argv.slice(2)
  const swallowed = flags.filter(
    (flag) => process.env[`npm_config_${flag}`] === 'true' && !given.includes(`--${flag}`),
  )
  // npm runs scripts in the root of the workspace; a folder is meant as seen from where the command was typed.
  const from = process.env.INIT_CWD ?? process.cwd()
  const args = given.map((arg) => (arg.startsWith('-') ? arg : resolve(from, arg)))
  return [...swallowed.map((flag) => `--${flag}`), ...args]
}

main().then((code) => {
  process.exitCode = code
}, fail)
