import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'

export interface CommandLine {
  readonly scenarios: readonly string[]
  readonly seed: number
  readonly runs: number
  readonly out: string
  /** The page whose tables are written anew. */
  readonly readme: string | undefined
  readonly json: boolean
}

/** What to print and with which exit code, where there is nothing to run. */
export interface CommandLineEnd {
  readonly exitCode: number
  readonly output: string
}

/** Reads the arguments; `--help` and mistakes come back as what to print. */
export function readCommandLine(
  args: readonly string[],
  names: readonly string[],
): CommandLine | CommandLineEnd {
  let output = ''
  const command = new Command('simulate')
    .description(
      'Compares what the balancer does in simulated worlds: prints a table and draws a plot of each.',
    )
    .addOption(new Option('--scenario <names...>', 'which ones').choices(names).default(names, 'all'))
    .option('--seed <number>', 'seed of the first run', natural, 1)
    .option('--runs <number>', 'runs of each variant, each with a seed of its own', positive, 5)
    .option('--out <folder>', 'where the plots go', 'plots')
    .option('--readme <file>', 'write the tables into this page, between its markers')
    .option('--json', 'print all figures as one JSON object', false)
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
  const { scenario, ...options } = command.opts<{
    scenario: string[]
    seed: number
    runs: number
    out: string
    readme?: string
    json: boolean
  }>()
  return { ...options, scenarios: scenario, readme: options.readme }
}

function natural(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < 0 || value > 2 ** 31)
    throw new InvalidArgumentError('It must be an integer from 0 to 2 ** 31.')
  return value
}

function positive(text: string): number {
  const value = natural(text)
  if (value < 1) throw new InvalidArgumentError('It must be at least 1.')
  return value
}
