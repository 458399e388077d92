import CircuitBreaker from 'opossum'
import { type Balancer, createBalancer } from '../src/index.ts'

export interface RouteBenchOptions {
  /** Each measures all contenders, one after the other, beginning with another one each time. @default 15 */
  readonly rounds?: number
  /** Calls of each contender in a round. @default 50_000 */
  readonly steps?: number
}

/** Nanoseconds of processor time of one call. */
export interface CallCost {
  readonly median: number
  readonly least: number
  readonly most: number
}

export interface RouteBench {
  readonly rounds: number
  readonly steps: number
  /** The call alone. */
  readonly bare: CallCost
  /** `lb.route` with checks, breaker, outliers, limits, affinity, adaptive concurrency and metrics on. */
  readonly route: CallCost
  /** `fire` of a breaker with a timeout. */
  readonly opossum: CallCost
  /** What routing adds to the call. */
  readonly overheadNs: number
  /** How many times as long as `route` opossum took: the median of the rounds. */
  readonly timesOpossum: number
  readonly bars: { readonly overheadNs: number; readonly timesOpossum: number }
  readonly isMet: boolean
}

const bars = { overheadNs: 2_000, timesOpossum: 1 }
/** Rounds that only warm up. */
const warmUps = 2

/** What one routed request costs, and opossum beside it in turns, so that whatever else the machine does falls on both. */
export async function benchRoute(options: RouteBenchOptions = {}): Promise<RouteBench> {
  const { rounds = 15, steps = 50_000 } = options
  const answer = Promise.resolve('done')
  const call = (): Promise<string> => answer
  const requests = Array.from({ length: 1_024 }, (_, index) => ({
    clientIp: `10.0.${index >> 8}.${index & 255}`,
    sessionId: `session-${index}`,
  }))
  const lb = allOn()
  const breaker = new CircuitBreaker(call, { timeout: 30_000 })
  const contenders = [
    async (): Promise<void> => {
      for (let step = 0; step < steps; step++) await call()
    },
    async (): Promise<void> => {
      for (let step = 0; step < steps; step++) await lb.route(requests[step & 1_023] ?? {}, call)
    },
    async (): Promise<void> => {
      for (let step = 0; step < steps; step++) await breaker.fire()
    },
  ]
  const costs: number[][] = contenders.map(() => [])
  try {
    for (let round = -warmUps; round < rounds; round++)
      for (let turn = 0; turn < contenders.length; turn++) {
        const index = (turn + round + warmUps) % contenders.length
        const startedAt = process.cpuUsage()
        await contenders[index]?.()
        const { user, system } = process.cpuUsage(startedAt)
        if (round >= 0) costs[index]?.push(((user + system) * 1_000) / steps)
      }
  } finally {
    breaker.shutdown()
    await lb.close()
  }
  return summed({ rounds, steps }, costs)
}

function allOn(): Balancer {
  const lb = createBalancer({
    healthCheck: { probe: () => true, intervalMs: 1_000 },
    outlier: {},
    affinity: { by: 'session' },
    rateLimit: {
      requestsPerSecond: 100_000_000,
      perClient: { requestsPerSecond: 10_000_000 },
      floodThreshold: 1_000_000_000,
    },
    concurrency: {},
    slowStart: { windowMs: 1_000 },
  })
  for (let index = 0; index < 10; index++) lb.add({ host: '10.0.0.1', port: 1 + index })
  lb.start()
  return lb
}

function summed(size: { readonly rounds: number; readonly steps: number }, costs: number[][]): RouteBench {
  const [bare = [], route = [], opossum = []] = costs
  const overheadNs = costOf(route).median - costOf(bare).median
  const timesOpossum = costOf(route.map((ours, round) => (opossum[round] ?? Number.NaN) / ours)).median
  return {
    ...size,
    bare: costOf(bare),
    route: costOf(route),
    opossum: costOf(opossum),
    overheadNs,
    timesOpossum,
    bars,
    isMet: overheadNs <= bars.overheadNs && timesOpossum >= bars.timesOpossum,
  }
}

function costOf(values: readonly number[]): CallCost {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    median: sorted[sorted.length >> 1] ?? Number.NaN,
    least: sorted[0] ?? Number.NaN,
    most: sorted.at(-1) ?? Number.NaN,
  }
}
