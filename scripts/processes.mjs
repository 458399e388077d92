// Child processes for the scripts that run before anything is installed: no dependency.
import { spawn } from 'node:child_process'
import { Interrupted } from './fail.mjs'

/**
 * Runs a command without input and collects what it says. Rejects with `Interrupted` where a signal came meanwhile.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export async function run(command, args, options = {}) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  let output = ''
  const collect = (/** @type {Buffer} */ chunk) => {
    output += chunk.toString()
  }
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const { code, interruption } = await ended(child)
  if (interruption !== undefined) throw interruption
  return { code, output }
}

/**
 * Runs a command on this terminal until it ends; signals that reach this process reach it too.
 * Rejects with `Interrupted` where one came meanwhile, unless the command is the last one: then what it ends with counts.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, input?: 'inherit' | 'ignore', isLast?: boolean }} [options]
 * @returns {Promise<number>} its exit code
 */
export async function runAttached(command, args, options = {}) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: [options.input ?? 'inherit', 'inherit', 'inherit'],
    shell: process.platform === 'win32' && command !== process.execPath,
  })
  const { code, interruption } = await ended(child)
  if (interruption !== undefined && options.isLast !== true) throw interruption
  return code
}

/**
 * Waits until a child is gone; what ends this process ends the child first.
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<{ code: number, interruption: Interrupted | undefined }>}
 */
function ended(child) {
  return new Promise((resolve, reject) => {
    /** @type {Interrupted | undefined} */
    let interruption
    const onSignal = (/** @type {NodeJS.Signals} */ signal) => {
      interruption ??= new Interrupted(signal)
      // A terminal sends Ctrl-C to the whole group: the child has it already, and this process only waits for it.
      if (signal !== 'SIGINT' && child.pid !== undefined) child.kill(signal)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      process.off('SIGTERM', onSignal)
      process.off('SIGINT', onSignal)
      resolve({ code: exitCode(code, signal), interruption })
    })
  })
}

/** @param {number | null} code @param {NodeJS.Signals | null} signal */
function exitCode(code, signal) {
  return code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1)
}
