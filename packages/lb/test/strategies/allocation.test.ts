import { memoryUsage } from 'node:process'
import { describe, expect, it } from 'vitest'
import {
  type Algorithm,
  algorithmNames,
  type BalancerOptions,
  type Clock,
  createBalancer,
  type LbRequest,
} from '../../src/index.ts'

const picks = 4_000
/** One boxed fraction would be 16. */
const fewBytes = 4

/** Growth of the heap by one pick, in bytes: as soon as it is `enough`, which on a busy machine takes as long as the compiler does beside. */
function bytesPerPick(run: (count: number) => unknown, enough: number): number {
  const giveUpAt = performance.now() + 5_000
  for (;;) {
    for (let round = 0; round < 30; round++) run(picks)
    const bytes = medianGrowth(run)
    if (bytes < enough || performance.now() > giveUpAt) return bytes
  }
}

/** Over rounds in which nothing else happens. */
function medianGrowth(run: (count: number) => unknown): number {
  const growths = Array.from({ length: 11 }, () => {
    const before = memoryUsage().heapUsed
    run(picks)
    return (memoryUsage().heapUsed - before) / picks
  })
  return growths.sort((a, b) => a - b)[5] as number
}

/** A clock whose readings are small whole numbers, so that no reading is an object: what is left is the balancer's own. */
function wholeClock(): Clock {
  let time = 0
  return { now: () => 0, monotonic: () => (time = (time + 1) | 0), setTimer: () => ({ cancel() {} }) }
}

/** Forty backends that differ in weight, have requests under way, and of which latencies are known; the breakers of some are open. */
function pickerOf(options: BalancerOptions, failing: readonly string[] = []): (count: number) => void {
  const lb = createBalancer(options)
  for (let index = 0; index < 40; index++)
    lb.add({
      id: `b${index}`,
      host: '10.0.0.1',
      port: 1,
      weight: 1 + (index % 3),
      zone: index < 20 ? 'a' : 'b',
    })
  const held = Array.from({ length: 160 }, (_, index) => lb.pick({ key: `held-${index}` }))
  held.slice(80).forEach((lease, index) => lease.done('ok', 1.5 + index / 7))
  for (const id of failing) {
    const exclude = lb.backends.filter((backend) => backend.id !== id)
    for (let failure = 0; failure < 5; failure++) lb.pick({ exclude }).done('failed')
  }
  const requests: readonly LbRequest[] = Array.from({ length: 256 }, (_, index) => ({
    key: `key-${index}`,
    clientIp: `10.0.0.${index}`,
    workload: index % 2 === 0 ? 'hybrid' : 'classical_compute',
  }))
  return (count) => {
    for (let step = 0; step < count; step++)
      if (lb.choose(requests[step & 255]) === undefined) throw new Error('nobody')
  }
}

const bounded = (['ip-hash', 'ring-hash', 'maglev', 'rendezvous'] as const).map(
  (name): readonly [string, Algorithm] => [`${name}, bounded`, { name, boundedLoad: 1.25 }],
)
const algorithms: readonly (readonly [string, Algorithm])[] = [
  ...algorithmNames.map((name) => [name, name] as const),
  ...bounded,
]

describe('a pick', () => {
  it.each(algorithms)('of %s allocates nothing, and as little when it is remembered', (_, algorithm) => {
    for (const explain of [0, 16])
      expect(bytesPerPick(pickerOf({ algorithm, explain, clock: wholeClock() }), fewBytes)).toBeLessThan(
        fewBytes,
      )
  })

  it.each(['p2c', 'maglev'] as const)(
    'of %s among zones that share the traffic allocates nothing',
    (algorithm) => {
      const failing = Array.from({ length: 12 }, (_, index) => `b${index}`)
      const run = pickerOf({ algorithm, zone: 'a', explain: 0, clock: wholeClock() }, failing)
      expect(bytesPerPick(run, fewBytes)).toBeLessThan(fewBytes)
    },
  )

  it.each(['peak-ewma', 'least-latency', 'quantum-aware'] as const)(
    'of %s reads the clock of the system once, which is one object of the runtime',
    (algorithm) => {
      const enough = 16 + fewBytes
      expect(bytesPerPick(pickerOf({ algorithm }), enough)).toBeLessThan(enough)
    },
  )

  it('that allocates would be seen', () => {
    const kept: object[] = [{}]
    const run = (count: number): void => {
      for (let step = 0; step < count; step++) kept[0] = { step }
    }
    expect(bytesPerPick(run, Infinity)).toBeGreaterThan(8)
  })
})
