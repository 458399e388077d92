import { BalancedPool } from 'undici'
import { type AlgorithmName, algorithmNames, createBalancer, type LbRequest } from '../src/index.ts'

export interface PickBenchOptions {
  /** @default all of them */
  readonly algorithms?: readonly AlgorithmName[]
  /** Numbers of backends. @default [10, 100, 10_000] */
  readonly sizes?: readonly number[]
  /** Each is measured so often, after as many picks to warm up as two of them. @default 9 */
  readonly rounds?: number
  /** Picks in a round where one does not grow with the number of backends. @default 200_000 */
  readonly steps?: number
  /** undici's own selection beside it. @default true */
  readonly peer?: boolean
}

export interface PickResult {
  /** The algorithm, or `balanced-pool`. */
  readonly name: string
  readonly backends: number
  /** Nanoseconds of processor time of one pick: other processes do not count. */
  readonly median: number
  readonly least: number
  readonly most: number
  /** What one pick allocates. */
  readonly bytes: number
  /** Milliseconds until the first pick after all backends were added: what a change of members costs. */
  readonly buildMs: number
  /** The bars that are set for this one and not met, in words; `undefined` where none is set. */
  readonly missed: readonly string[] | undefined
}

/** Those that look at every backend are not for thousands. */
const linear: readonly AlgorithmName[] = ['least-connections', 'least-latency', 'rendezvous']
/** At most 150 ns, and 10 000 backends at most twice as slow as ten. */
const flat: readonly string[] = ['p2c', 'round-robin', 'maglev']
/** Of 10 000 the logarithm is four times that of ten. */
const logarithmic: readonly string[] = ['weighted-round-robin', 'ring-hash']
const mostNs = 150

type Measured = Omit<PickResult, 'missed'>
type Run = (count: number) => number

/** What one pick costs by algorithm and number of backends, and the selection of undici's balanced pool. Run it with `--expose-gc`. */
export async function benchPicks(options: PickBenchOptions = {}): Promise<PickResult[]> {
  const { algorithms = algorithmNames, sizes = [10, 100, 10_000], peer = true } = options
  const measured: Measured[] = []
  for (const name of algorithms)
    for (const size of sizes)
      if (!linear.includes(name) || size <= 100) measured.push(benchAlgorithm(name, size, options))
  if (peer) for (const size of sizes) measured.push(await benchPeer(size, options))
  return measured.map((result) => ({ ...result, missed: missedBars(result, measured) }))
}

function benchAlgorithm(name: AlgorithmName, size: number, options: PickBenchOptions): Measured {
  const lb = createBalancer({ algorithm: name, explain: 0 })
  // Weighted round robin is measured with weights that differ; the others are what most use.
  const weightOf = (index: number): number => (name === 'weighted-round-robin' ? 1 + (index % 5) : 1)
  for (let index = 0; index < size; index++)
    lb.add({ id: `b${index}`, host: '10.0.0.1', port: 1 + index, weight: weightOf(index) })
  const requests: readonly LbRequest[] = Array.from({ length: 1_024 }, (_, index) => ({
    key: `key-${index}`,
    clientIp: `10.0.${index >> 8}.${index & 255}`,
  }))
  const startedAt = performance.now()
  lb.choose()
  const buildMs = performance.now() - startedAt
  const run = (count: number): number => {
    let sum = 0
    for (let step = 0; step < count; step++) sum += lb.choose(requests[step & 1_023]) === undefined ? 0 : 1
    return sum
  }
  const { steps = 200_000, rounds } = options
  return { name, backends: size, buildMs, ...cost(run, linear.includes(name) ? steps / 10 : steps, rounds) }
}

async function benchPeer(size: number, options: PickBenchOptions): Promise<Measured> {
  const upstreams = Array.from(
    { length: size },
    (_, index) => `http://10.${index >> 8}.${index & 255}.1:8080`,
  )
  const startedAt = performance.now()
  const pool = new BalancedPool(upstreams)
  const buildMs = performance.now() - startedAt
  const select = Object.getOwnPropertySymbols(Object.getPrototypeOf(pool)).find(
    (symbol) => symbol.description === 'get dispatcher',
  )
  if (select === undefined) throw new Error('this undici has another way to select')
  const selecting = pool as unknown as Record<symbol, () => unknown>
  // It selects among upstreams that are not closed; nothing is connected by it.
  const run = (count: number): number => {
    let sum = 0
    for (let step = 0; step < count; step++) sum += selecting[select]?.() === undefined ? 0 : 1
    return sum
  }
  const { steps = 200_000, rounds } = options
  try {
    // It looks at all of them for each selection.
    const result = cost(run, Math.max(100, Math.floor((steps * 10) / (10 + size))), rounds)
    return { name: 'balanced-pool', backends: size, buildMs, ...result }
  } finally {
    await pool.destroy()
  }
}

function cost(run: Run, steps: number, rounds = 9): Pick<Measured, 'median' | 'least' | 'most' | 'bytes'> {
  run(steps * 2)
  const perPick = Array.from({ length: rounds }, () => {
    const startedAt = process.cpuUsage()
    run(steps)
    const { user, system } = process.cpuUsage(startedAt)
    return ((user + system) * 1_000) / steps
  }).sort((a, b) => a - b)
  return {
    median: perPick[rounds >> 1] ?? Number.NaN,
    least: perPick[0] ?? Number.NaN,
    most: perPick.at(-1) ?? Number.NaN,
    bytes: bytesPerPick(run, Math.min(steps, 10_000)),
  }
}

/** The median growth of the heap over rounds so short that most are without a collection. */
function bytesPerPick(run: Run, steps: number): number {
  const growths = Array.from({ length: 21 }, () => {
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    run(steps)
    return Math.max(0, process.memoryUsage().heapUsed - before) / steps
  })
  return growths.sort((a, b) => a - b)[10] ?? Number.NaN
}

function missedBars(result: Measured, all: readonly Measured[]): readonly string[] | undefined {
  const { name, backends, median } = result
  const isFlat = flat.includes(name)
  if (!isFlat && !logarithmic.includes(name)) return undefined
  const missed: string[] = []
  if (isFlat && median > mostNs) missed.push(`at most ${mostNs} ns`)
  if (result.bytes >= 1) missed.push('allocates nothing')
  const few = all.find((other) => other.name === name && other.backends === 10)
  const factor = isFlat ? 2 : 4
  if (few !== undefined && backends === 10_000 && median > few.median * factor)
    missed.push(`at most ${factor} × that of ten`)
  return missed
}
