import { Command, CommanderError } from 'commander'

export interface CommandLine {
  /** As given; undefined for the default. */
  readonly folder: string | undefined
  readonly kill: boolean
  readonly json: boolean
}

/** What to print and with which exit code, where there is nothing to run. */
export interface CommandLineEnd {
  readonly exitCode: number
  readonly output: string
}

/** Reads the arguments; `--help` and mistakes come back as what to print. */
export function readCommandLine(args: readonly string[]): CommandLine | CommandLineEnd {
  let output = ''
  const command = new Command('npm start --')
    .description('Digests every file of a folder, with an embedded broker and three worker processes.')
    .argument('[folder]', 'folder to digest (default: this repository)')
    .option('--kill', 'kill a worker with SIGKILL mid-way and restart it', false)
    .option('--json', 'print the summary alone, as one JSON object', false)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void (output += text),
      writeErr: (text) => void (output += text),
    })
  try {
    command.parse([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return { exitCode: error.exitCode === 0 ? 0 : 2, output }
  }
  const { kill, json } = command.opts<{ kill: boolean; json: boolean }>()
  return { folder: command.args[0], kill, json }
}
