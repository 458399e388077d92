/**
 * Tails with one slow backend, simulated, so that they are the same on every machine:
 * `node --conditions=@aether/source --import tsx bench/lb-tail.bench.ts [--json]`. Bars: peak EWMA at most 0.8 of P2C and 0.1 of round robin at p99.9.
 */
import process from 'node:process'
import { benchTail } from '../src/bench-tail.ts'

const result = benchTail()
if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(result)}\n`)
else
  for (const { peer, ratio, bar, isMet } of result.bars)
    process.stdout.write(
      `p99.9 of peak-ewma ${result.p999Ms.toFixed(0)} ms, ${ratio.toFixed(3)} of ${peer} (bar ${bar}): ${isMet ? 'met' : 'missed'}\n`,
    )
if (result.bars.some(({ isMet }) => !isMet)) process.exitCode = 1
