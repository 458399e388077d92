import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type CommandLine, readCommandLine } from './command-line.ts'
import { plot } from './plot.ts'
import { runScenario } from './run-scenario.ts'
import { scenarios } from './scenarios/index.ts'
import { replaceSection, section, table } from './table.ts'

const line = readCommandLine(
  process.argv.slice(2),
  scenarios.map(({ name }) => name),
)
if ('exitCode' in line) {
  process.exitCode = line.exitCode
  ;(line.exitCode === 0 ? process.stdout : process.stderr).write(line.output)
} else await simulate(line)

async function simulate({ scenarios: names, seed, runs, out, readme, json }: CommandLine): Promise<void> {
  mkdirSync(out, { recursive: true })
  const figures: Record<string, unknown> = {}
  for (const scenario of scenarios.filter(({ name }) => names.includes(name))) {
    const results = await runScenario(scenario, { seed, runs })
    const file = join(out, `${scenario.name}.svg`)
    const lines = [...results].map(([variant, [first]]) => [variant, first?.line ?? []] as const)
    writeFileSync(file, plot(scenario, new Map(lines)))
    if (readme !== undefined)
      writeFileSync(
        readme,
        replaceSection(readFileSync(readme, 'utf8'), scenario.name, section(scenario, results)),
      )
    figures[scenario.name] = Object.fromEntries(
      [...results].map(([variant, measured]) => [variant, measured.map((each) => each.figures)]),
    )
    if (!json) process.stdout.write(`${scenario.title}\n${table(results)}\n${file}\n\n`)
  }
  if (json) process.stdout.write(`${JSON.stringify({ seed, runs, figures })}\n`)
}
