#!/usr/bin/env node
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

import { type CommandLine, readCommandLine } from './command-line.ts'
import { exitCodeOf } from './exit-code.ts'
import { showProgress } from './live-view.ts'
import { runJob } from './run-job.ts'
import { summaryText } from './summary-text.ts'

/** This repository. */
const defaultFolder = fileURLToPath(new URL('../../..', import.meta.url))

async function main(): Promise<number> {
  const line = readCommandLine(process.argv.slice(2))
  if ('exitCode' in line) {
    ;(line.exitCode === 0 ? process.stdout : process.stderr).write(line.output)
    return line.exitCode
  }
  const folder = line.folder === undefined ? resolve(defaultFolder) : resolve(line.folder)
  const problem = await folderProblem(folder)
  if (problem !== undefined) {
    process.stderr.write(`Cannot digest ${folder}: ${problem}.\n`)
    return 2
  }
  return run(folder, line)
}

async function run(folder: string, { kill, json }: CommandLine): Promise<number> {
  const interrupt = new AbortController()
  const hurry = new AbortController()
  const onSignal = (): void => {
    if (interrupt.signal.aborted) hurry.abort()
    else interrupt.abort(new Error('interrupted'))
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal)
  // Nobody sees the rest: the run ends as at Ctrl-C. Whoever closed a pipe (`| head`) has seen enough and needs no word; a full disk is told.
  let hasFailed = false
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!hasFailed && error.code !== 'EPIPE')
      process.stderr.write(`The output could not be written: ${error.message}\n`)
    hasFailed = true
    process.exitCode = 1
    interrupt.abort(error)
  })
  const running = runJob({
    folder,
    kill,
    workerCommand: [
      process.execPath,
      ...process.execArgv,
      fileURLToPath(import.meta.resolve('@aether/worker/main')),
    ],
    env: process.env,
    signal: interrupt.signal,
    killSignal: hurry.signal,
    onStart: (state) => (json ? () => undefined : showProgress(state, { stream: process.stdout })),
  })
  const outcome = await running.catch((error: unknown) => {
    if (!interrupt.signal.aborted) throw error
    process.stderr.write('Interrupted before the first task.\n')
    return undefined
  })
  if (outcome === undefined) return 130
  const { summary, failure } = outcome
  process.stdout.write(json ? `${JSON.stringify(summary)}\n` : summaryText(summary))
  if (failure !== undefined) process.stderr.write(`The run could not go on: ${failure.message}.\n`)
  return exitCodeOf(outcome, interrupt.signal.aborted)
}

async function folderProblem(folder: string): Promise<string | undefined> {
  try {
    return (await stat(folder)).isDirectory() ? undefined : 'it is no folder'
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? 'there is no such folder' : message
  }
}

main().then(
  (code) => {
    // Not process.exit: a long summary may still be on its way into a pipe.
    process.exitCode ??= code
  },
  (error: unknown) => {
    process.stderr.write(`The run failed: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  },
)
