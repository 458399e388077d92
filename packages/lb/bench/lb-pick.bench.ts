/**
 * What one pick costs by algorithm and number of backends, and undici's own selection beside it:
 * `node --expose-gc --conditions=@aether/source --import tsx bench/lb-pick.bench.ts [--json] [--rounds 9] [--steps 200000] [--no-peer] [algorithm …]`.
 */
import { parseArgs } from 'node:util'
import { type AlgorithmName, algorithmNames } from '../src/index.ts'
import { benchPicks, type PickResult } from './bench-picks.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    json: { type: 'boolean', default: false },
    peer: { type: 'boolean', default: true },
    rounds: { type: 'string', default: '9' },
    steps: { type: 'string', default: '200000' },
  },
})
const unknown = positionals.filter((name) => !algorithmNames.includes(name as AlgorithmName))
if (unknown.length > 0) throw new Error(`no algorithm: ${unknown.join(', ')}`)
const results = await benchPicks({
  rounds: Number(values.rounds),
  steps: Number(values.steps),
  peer: values.peer,
  ...(positionals.length > 0 && { algorithms: positionals as AlgorithmName[] }),
})
process.stdout.write(values.json ? `${JSON.stringify(results)}\n` : `${results.map(line).join('\n')}\n`)
process.exitCode = results.some(({ missed = [] }) => missed.length > 0) ? 1 : 0

function line({ name, backends, median, least, most, bytes, buildMs, missed }: PickResult): string {
  const verdict = missed === undefined ? '' : missed.length === 0 ? 'met' : `MISSED: ${missed.join(', ')}`
  return [
    `${name} of ${backends}`.padEnd(30),
    `${median.toFixed(0).padStart(8)} ns  (${least.toFixed(0)} to ${most.toFixed(0)})`.padEnd(34),
    `${bytes.toFixed(1).padStart(7)} B`,
    `${buildMs.toFixed(1).padStart(9)} ms to build`,
    verdict,
  ]
    .join('  ')
    .trimEnd()
}
