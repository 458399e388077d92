import { spawn } from 'node:child_process'
import { join } from 'node:path'

export interface CommandEnd {
  readonly code: number
  /** What went to standard output. */
  readonly answer: string
  /** All of it, warnings included. */
  readonly output: string
}

export interface RunCommandOptions {
  readonly cwd: string
  /** Kills it when it takes longer. @default none */
  readonly timeoutMs?: number
}

/** Runs a command without input, and resolves however it ends. */
export function runCommand(
  command: string,
  args: readonly string[],
  { cwd, timeoutMs }: RunCommandOptions,
): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(timeoutMs === undefined ? {} : { timeout: timeoutMs, killSignal: 'SIGKILL' }),
    })
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

/** The folder of the checks. */
export const ownFolder: string = join(import.meta.dirname, '..', '..')

/** The path of a command that the checks themselves have installed. */
export function ownCommand(name: string): string {
  return join(ownFolder, 'node_modules', '.bin', name)
}
