/**
 * Tails with one slow backend, simulated, so that they are the same on every machine:
 * `node --conditions=@aether/source --import tsx bench/lb-tail.bench.ts`. Bars: peak EWMA at most 0.8 of P2C and 0.1 of round robin at p99.9.
 */
import { scenarios } from '../src/scenario.ts'
import { quantile, simulate } from '../src/simulate.ts'

const scenario = scenarios.find(({ name }) => name === 'one-slow')
if (scenario === undefined) throw new Error('the scenario is gone')
const tail = (algorithm: 'peak-ewma' | 'p2c' | 'round-robin'): number =>
  quantile(simulate(scenario, { algorithm }).latencies, 0.999)
const ours = tail('peak-ewma')
for (const [peer, bar] of [
  ['p2c', 0.8],
  ['round-robin', 0.1],
] as const) {
  const ratio = ours / tail(peer)
  process.stdout.write(
    `p99.9 of peak-ewma ${ours.toFixed(0)} ms, ${ratio.toFixed(3)} of ${peer} (bar ${bar}): ${ratio <= bar ? 'met' : 'missed'}\n`,
  )
}
