import type { Scenario } from '../scenarios.ts'

/** Backends to choose from. */
export const sizes = [10, 100, 10_000] as const

/** What must stay as quick however many backends there are, and what may grow with the logarithm of their number (by four from 10 to 10,000). */
export const picked = [
  { algorithm: 'p2c', growth: 2, limits: { limit: 150 } },
  { algorithm: 'round-robin', growth: 2, limits: { limit: 150 } },
  { algorithm: 'maglev', growth: 2, limits: { limit: 150 } },
  { algorithm: 'weighted-round-robin', growth: 4, limits: {} },
  { algorithm: 'ring-hash', growth: 4, limits: {} },
] as const

const inProcess = {
  better: 'less',
  roles: [{ role: 'stepper', width: 1 }],
  round: { size: 0, inFlight: 1, steps: 0 },
  multiple: 1,
} as const

type Picked = (typeof picked)[number]

function pick({ algorithm, growth, limits }: Picked, backends: number): Scenario {
  const isMost = backends === sizes.at(-1)
  return {
    ...inProcess,
    name: `lb-pick-${algorithm}-${backends}`,
    what: `one choice of ${backends} backends; the peer is the selection of undici's BalancedPool, and the same algorithm among ten`,
    unit: 'ns',
    peers: ['balanced-pool', ...(isMost ? ['among-10'] : [])],
    contenders: {
      ours: `lb-${algorithm}-${backends}`,
      'balanced-pool': `balanced-pool-${backends}`,
      'among-10': `lb-${algorithm}-10`,
    },
    limits,
    bars: {
      ...Object.fromEntries(Object.keys(limits).map((name) => [name, 1])),
      ...(isMost && { 'among-10': 1 / growth }),
    },
  }
}

export const balancerScenarios: readonly Scenario[] = [
  ...picked.flatMap((each) => sizes.map((size) => pick(each, size))),
  {
    ...inProcess,
    name: 'lb-route',
    what: 'one routed request with checks, breaker, outliers, limits, affinity, adaptive concurrency and metrics on; the peer only breaks circuits',
    unit: 'ns',
    peers: ['opossum'],
    contenders: { ours: 'lb-route' },
    limits: { limit: 2_000 },
    bars: { opossum: 1, limit: 1 },
  },
]
