import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import type { AlgorithmName } from '@aether/lb'
import { plotTails } from './plot.ts'
import { scenarios } from './scenario.ts'
import { quantile, simulate } from './simulate.ts'

const algorithms: readonly AlgorithmName[] = ['round-robin', 'least-connections', 'p2c', 'peak-ewma']

/** Prints the table of tails, and writes a plot a scenario into the folder given (`plots` here by default). */
const folder = process.argv[2] ?? join(import.meta.dirname, '..', 'plots')
mkdirSync(folder, { recursive: true })
for (const scenario of scenarios) {
  const results = algorithms.map((algorithm) => simulate(scenario, { algorithm }))
  process.stdout.write(`${scenario.title}\n`)
  for (const { algorithm, latencies } of results) {
    const figures = [0.5, 0.99, 0.999].map((q) => quantile(latencies, q).toFixed(0).padStart(8))
    process.stdout.write(
      `  ${algorithm.padEnd(18)} p50 ${figures[0]}  p99 ${figures[1]}  p99.9 ${figures[2]} ms\n`,
    )
  }
  const file = join(folder, `${scenario.name}.svg`)
  writeFileSync(file, plotTails(scenario.title, results))
  process.stdout.write(`  ${file}\n`)
}
