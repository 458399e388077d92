/**
 * What one routed request costs with everything on, and opossum's `fire` alone beside it:
 * `node --conditions=@aether/source --import tsx bench/lb-route.bench.ts [--json] [--rounds 15] [--steps 50000]`.
 */
import { parseArgs } from 'node:util'
import { benchRoute, type CallCost } from './bench-route.ts'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '15' },
    steps: { type: 'string', default: '50000' },
  },
})
const result = await benchRoute({ rounds: Number(values.rounds), steps: Number(values.steps) })
process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${text().join('\n')}\n`)
process.exitCode = result.isMet ? 0 : 1

function text(): readonly string[] {
  const { bare, route, opossum, overheadNs, timesOpossum, bars } = result
  return [
    line('the call alone', bare),
    line('lb.route, all on', route),
    line('opossum fire', opossum),
    `overhead ${overheadNs.toFixed(0)} ns (bar: at most ${bars.overheadNs}), ${timesOpossum.toFixed(2)} × opossum (bar: at least ${bars.timesOpossum.toFixed(2)})`,
    result.isMet ? 'both bars are met' : 'a bar is missed',
  ]
}

function line(name: string, { median, least, most }: CallCost): string {
  return `${name.padEnd(20)} ${median.toFixed(0).padStart(6)} ns  (${least.toFixed(0)} to ${most.toFixed(0)})`
}
