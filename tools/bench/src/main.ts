import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { balancerScenarios } from './balancer/scenarios.ts'
import { runTail, tailScenario } from './balancer/tail.ts'
import { idleScenario, runIdle } from './idle.ts'
import { recoverScenario, runRecover } from './recover/recover.ts'
import { type Report, render } from './report.ts'
import { runScenario } from './run.ts'
import { type Scenario, scenarios } from './scenarios.ts'

interface Flags {
  readonly json?: string
  readonly rounds: number
  readonly roundMs: number
  readonly peers?: readonly string[]
  readonly profile?: string
}

const all: readonly Scenario[] = [
  ...scenarios,
  ...balancerScenarios,
  tailScenario,
  recoverScenario,
  idleScenario,
]

function positive(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a whole number from 1 up')
  return number
}

async function run(scenario: Scenario, flags: Flags): Promise<Report> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  if (scenario === idleScenario) return runIdle(Math.min(flags.rounds, 3), say)
  if (scenario === tailScenario) return runTail(flags.rounds, say)
  if (scenario === recoverScenario) return runRecover(scenario, flags.rounds, say)
  return runScenario(scenario, {
    rounds: flags.rounds,
    roundMs: flags.roundMs,
    peers: flags.peers ?? scenario.peers,
    nodeFlags: flags.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(flags.profile)}`],
    say,
  })
}

async function main(name: string, flags: Flags): Promise<void> {
  const wanted = all.filter((scenario) => name === 'all' || `${scenario.name}-`.startsWith(`${name}-`))
  if (wanted.length === 0) {
    process.stderr.write(`no scenario '${name}': ${all.map((scenario) => scenario.name).join(', ')}, all\n`)
    process.exitCode = 2
    return
  }
  const reports: Report[] = []
  for (const scenario of wanted) {
    const report = await run(scenario, flags)
    reports.push(report)
    process.stdout.write(`${render(report)}\n`)
  }
  if (flags.json !== undefined)
    await writeFile(flags.json, `${JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2)}\n`)
}

await new Command('bench')
  .description(
    'Measures a scenario against its peers, interleaved, each participant in a process of its own.',
  )
  .argument(
    '<scenario>',
    `${all.map((scenario) => scenario.name).join(', ')}, the start of several (lb-pick), or all`,
  )
  .option('--json <file>', 'write the report there')
  .option('--rounds <n>', 'measured rounds', positive, 5)
  .option('--round-ms <ms>', 'length of a round', positive, 1000)
  .option('--peers <names>', 'only these peers, comma-separated', (names) =>
    names.split(',').filter((name) => name !== ''),
  )
  .option('--profile <folder>', 'write a CPU profile of each Node process there')
  .action(main)
  .parseAsync()
