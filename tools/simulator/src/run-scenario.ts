import type { Measured, Scenario } from './scenario.ts'
import type { Results } from './table.ts'

/** Far enough apart that the three sources of a run (arrivals, services, balancer) are never those of another run. */
const seedStep = 1_000

/** Each variant as often as there are runs, with a seed of its own for each run. */
export async function runScenario(
  scenario: Scenario,
  options: { readonly seed: number; readonly runs: number },
): Promise<Results> {
  const results = new Map<string, Measured[]>()
  for (const variant of scenario.variants) {
    const measured: Measured[] = []
    for (let run = 0; run < options.runs; run++)
      measured.push(await scenario.run(variant, options.seed + run * seedStep))
    results.set(variant, measured)
  }
  return results
}
