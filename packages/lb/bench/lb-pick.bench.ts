/**
 * What one pick costs by algorithm and number of backends, what it allocates, and what a change of members costs:
 * `node --expose-gc --conditions=@aether/source --import tsx bench/lb-pick.bench.ts [algorithm …]`. Peers and bars are in `tools/bench`.
 */
import { type AlgorithmName, algorithmNames, createBalancer } from '../src/index.ts'

const sizes = [10, 100, 10_000]
const rounds = 9
/** Those that look at every backend are not for thousands. */
const linear: readonly AlgorithmName[] = ['least-connections', 'least-latency', 'rendezvous']

type Run = (count: number) => number

for (const name of algorithmNames.filter((each) => process.argv.length < 3 || process.argv.includes(each)))
  for (const size of sizes) if (!linear.includes(name) || size <= 100) bench(name, size)

function bench(name: AlgorithmName, size: number): void {
  const lb = createBalancer({ algorithm: name, explain: 0 })
  // Weighted round robin is measured with weights that differ; the others are what most use.
  const weightOf = (index: number): number => (name === 'weighted-round-robin' ? 1 + (index % 5) : 1)
  for (let index = 0; index < size; index++)
    lb.add({ id: `b${index}`, host: '10.0.0.1', port: 1 + index, weight: weightOf(index) })
  const requests = Array.from({ length: 1_024 }, (_, index) => ({
    key: `key-${index}`,
    clientIp: `10.0.${index >> 8}.${index & 255}`,
  }))
  const startedAt = performance.now()
  lb.choose()
  const buildMs = performance.now() - startedAt
  const run: Run = (count) => {
    let sum = 0
    for (let step = 0; step < count; step++) sum += lb.choose(requests[step & 1_023]) === undefined ? 0 : 1
    return sum
  }
  const steps = linear.includes(name) ? 20_000 : 200_000
  run(steps * 2)
  const line = [
    `${name} of ${size}`.padEnd(30),
    `${nanoseconds(run, steps).toFixed(0).padStart(6)} ns`,
    `${bytes(run, 10_000).toFixed(1).padStart(6)} B`,
    `${buildMs.toFixed(1).padStart(8)} ms to build`,
  ]
  process.stdout.write(`${line.join('  ')}\n`)
}

/** Median of the processor time of one pick: other processes do not count. */
function nanoseconds(run: Run, steps: number): number {
  const perPick = Array.from({ length: rounds }, () => {
    const startedAt = process.cpuUsage()
    run(steps)
    const { user, system } = process.cpuUsage(startedAt)
    return ((user + system) * 1_000) / steps
  })
  return median(perPick)
}

/** Median growth of the heap over rounds so short that most are without a collection. */
function bytes(run: Run, steps: number): number {
  const growths = Array.from({ length: 21 }, () => {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    run(steps)
    return Math.max(0, process.memoryUsage().heapUsed - before) / steps
  })
  return median(growths)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
