/**
 * Nanoseconds of one choice by algorithm and number of backends, bytes that it allocates, and undici's own selection beside it:
 * `node --expose-gc --conditions=@aether/source --import tsx bench/lb-pick.bench.ts`.
 */
import { BalancedPool } from 'undici'
import { type AlgorithmName, algorithmNames, createBalancer } from '../src/index.ts'
import { measure } from './measure.ts'

const sizes = [10, 100, 10_000]
/** Those that look at every backend are not for thousands. */
const linear: readonly AlgorithmName[] = ['least-connections', 'least-latency', 'rendezvous']
/** All algorithms, or those that are named on the command line. */
const names = algorithmNames.filter((name) => process.argv.length < 3 || process.argv.includes(name))

for (const name of names) {
  for (const size of sizes) {
    const lb = createBalancer({ algorithm: name, explain: 0 })
    for (let index = 0; index < size; index++)
      lb.add({ id: `b${index}`, host: '10.0.0.1', port: 1 + index, weight: weightOf(name, index) })
    const requests = Array.from({ length: 1_024 }, (_, index) => ({
      key: `key-${index}`,
      clientIp: `10.0.${index >> 8}.${index & 255}`,
    }))
    if (linear.includes(name) && size > 100) continue
    const steps = linear.includes(name) ? 20_000 : 200_000
    const run = (count: number): number => {
      let sum = 0
      for (let step = 0; step < count; step++) sum += lb.choose(requests[step & 1_023]) === undefined ? 0 : 1
      return sum
    }
    measure(`${name} of ${size}`, steps, run)
    process.stdout.write(`${' '.repeat(56)} ${bytesPerStep(steps, run).toFixed(1).padStart(8)} B\n`)
  }
}

for (const size of sizes.slice(0, 2)) {
  const pool = new BalancedPool(Array.from({ length: size }, (_, index) => `http://10.0.0.1:${1 + index}`))
  const select = Object.getOwnPropertySymbols(Object.getPrototypeOf(pool)).find(
    (symbol) => symbol.description === 'get dispatcher',
  )
  if (select === undefined) throw new Error('this undici has another way to select')
  const selecting = pool as unknown as Record<symbol, () => unknown>
  // Its selection works on upstreams that are not closed; nothing is connected by it.
  measure(`balanced-pool of ${size}`, 200_000, (count) => {
    let sum = 0
    for (let step = 0; step < count; step++) sum += selecting[select]?.() === undefined ? 0 : 1
    return sum
  })
  await pool.destroy()
}

/** Weighted round robin is measured with weights that differ; the others are what most use. */
function weightOf(name: AlgorithmName, index: number): number {
  return name === 'weighted-round-robin' ? 1 + (index % 5) : 1
}

/** Growth of the heap over many choices without a collection between. */
function bytesPerStep(steps: number, run: (count: number) => unknown): number {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  run(steps)
  return Math.max(0, process.memoryUsage().heapUsed - before) / steps
}
