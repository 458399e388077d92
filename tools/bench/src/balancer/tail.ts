import { quantile, simulateTail, tailWorlds } from '@aether/simulator'
import type { Measure } from '../contest.ts'
import { type Report, reportOf } from '../report.ts'
import type { Scenario } from '../scenarios.ts'

export const tailScenario: Scenario = {
  name: 'lb-tail',
  what: 'p99.9 of peak EWMA with one of ten backends five times slower, simulated: a round is a seed',
  unit: 'ms p99.9',
  better: 'less',
  peers: ['p2c', 'round-robin'],
  // At most 0.8 of the one, and 0.1 of the other.
  bars: { p2c: 1.25, 'round-robin': 10 },
  roles: [],
  round: { size: 0, inFlight: 1, steps: 0 },
  multiple: 1,
}

const contenders = { ours: 'peak-ewma', p2c: 'p2c', 'round-robin': 'round-robin' } as const

/** Every contender has the same arrivals and service times in a round; the figures are those of the simulated clock, the same on every machine. */
export function runTail(rounds: number, say: (line: string) => void): Report {
  const measures = new Map<string, Measure[]>(Object.keys(contenders).map((name) => [name, []]))
  for (let seed = 1; seed <= rounds; seed++)
    for (const [name, algorithm] of Object.entries(contenders)) {
      const cpuBefore = process.cpuUsage()
      const before = performance.now()
      const latencies = simulateTail(tailWorlds['one-slow'], { algorithm, seed })
      const { user, system } = process.cpuUsage(cpuBefore)
      const measure: Measure = {
        value: quantile(latencies, 0.999),
        seconds: (performance.now() - before) / 1000,
        cpuUs: (user + system) / latencies.length,
        p99: quantile(latencies, 0.99),
      }
      measures.get(name)?.push(measure)
      say(`${tailScenario.name}: seed ${seed} ${name} ${Math.round(measure.value)} ${tailScenario.unit}`)
    }
  return reportOf(tailScenario, measures, {}, {})
}
