import { describe, expect, it } from 'vitest'
import { type AlgorithmName, algorithmNames, type AlgorithmOptions, type LbRequest } from '../../src/index.ts'
import { fleet, tally } from '../support/fleet.ts'

const bounded: readonly AlgorithmOptions[] = (
  ['ip-hash', 'ring-hash', 'maglev', 'rendezvous'] as const satisfies readonly AlgorithmName[]
).map((name) => ({ name, boundedLoad: 1.25 }))
const all: readonly (readonly [string, AlgorithmName | AlgorithmOptions])[] = [
  ...algorithmNames.map((name) => [name, name] as const),
  ...bounded.map((options) => [`${options.name}, bounded`, options] as const),
]

function requestAt(index: number): LbRequest {
  return { key: `key-${index}`, clientIp: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` }
}

describe.each(all)('%s', (_, algorithm) => {
  it('picks nobody of nobody, the only one of one, both of two', () => {
    const { lb } = fleet(0, { algorithm })
    expect(lb.choose(requestAt(0))).toBeUndefined()
    lb.add({ id: 'b0', host: 'h', port: 1 })
    for (let index = 0; index < 20; index++) expect(lb.choose(requestAt(index))!.id).toBe('b0')
    lb.add({ id: 'b1', host: 'h', port: 1 })
    const ids = Array.from({ length: 200 }, (__, index) => {
      const lease = lb.pick(requestAt(index))
      lease.done('ok', 10)
      return lease.backend.id
    })
    expect(new Set(ids)).toEqual(new Set(['b0', 'b1']))
    lb.remove('b0')
    for (let index = 0; index < 20; index++) expect(lb.choose(requestAt(index))!.id).toBe('b1')
    lb.remove('b1')
    expect(lb.choose(requestAt(0))).toBeUndefined()
  })

  it.each([2, 40, 70])('of %i fills every slot and then picks nobody', (count) => {
    const { lb } = fleet(count, { algorithm }, () => ({ maxConnections: 2 }))
    const leases = Array.from({ length: count * 2 }, (__, index) => lb.pick(requestAt(index)))
    expect(lb.backends.every(({ active }) => active === 2)).toBe(true)
    expect(lb.choose(requestAt(0))).toBeUndefined()
    leases[count]!.done()
    for (let index = 0; index < 50; index++) expect(lb.choose(requestAt(index))).toBe(leases[count]!.backend)
  })

  it.each([2, 40, 70])('of %i picks the one that is not excluded, and nobody if all are', (count) => {
    const { lb } = fleet(count, { algorithm })
    const { backends } = lb
    for (const spared of [0, 1, count - 1]) {
      const exclude = backends.filter((___, index) => index !== spared)
      for (let index = 0; index < 20; index++)
        expect(lb.choose({ ...requestAt(index), exclude })!.id).toBe(`b${spared}`)
    }
    expect(lb.choose({ ...requestAt(0), exclude: backends })).toBeUndefined()
  })

  it('tries each of several once, and no more', async () => {
    const { lb, clock } = fleet(4, { algorithm, breaker: false, retry: { maxRetries: 10 } })
    const tried: string[] = []
    const result = lb
      .route({ ...requestAt(1), idempotent: true }, ({ backend }) => {
        tried.push(backend.id)
        throw new Error('no')
      })
      .catch((error: unknown) => error)
    await clock.pass(20_000)
    expect(await result).toMatchObject({ code: 'ERR_AETHER_ROUTE_FAILED' })
    expect(tried.toSorted()).toEqual(['b0', 'b1', 'b2', 'b3'])
  })

  it.each([3, 70])('of %i bears weights that are hugely different', (count) => {
    const { lb } = fleet(count, { algorithm, explain: 0 }, (i) => ({
      weight: i === 0 ? 1_000 : 0.001,
      maxConnections: 100_000,
    }))
    const counts = tally(
      Array.from({ length: 4_000 }, (__, index) => {
        const lease = lb.pick(requestAt(index))
        lease.done('ok', 10)
        return lease.backend.id
      }),
    )
    const name = typeof algorithm === 'string' ? algorithm : algorithm.name
    if (name === 'round-robin' || name === 'least-latency') {
      expect(counts['b0']! / 4_000).toBeLessThan(0.9)
      return
    }
    // Each has a point on a ring at least; each is tried once by who goes by latency; capability and priority count as much as slots and latency.
    const least =
      {
        'ring-hash': (160 * count) / (160 * count + count - 1) - 0.02,
        'peak-ewma': 0.97,
        'quantum-aware': 0.45,
      }[name as string] ?? 0.99
    expect(counts['b0']! / 4_000).toBeGreaterThan(least)
    lb.update('b0', { maxConnections: 1 })
    const held = lb.pick({ ...requestAt(0), exclude: lb.backends.slice(1) })
    const others = new Set(Array.from({ length: 500 }, (__, index) => lb.choose(requestAt(index))!.id))
    expect(others.has('b0')).toBe(false)
    if (name !== 'weighted-round-robin' || count > 3) expect(others.size).toBeGreaterThan(1)
    held.done()
  })
})

describe('those that go by latency', () => {
  it.each(['least-latency', 'peak-ewma', 'quantum-aware'] as const)(
    '%s shares evenly where all are as quick',
    (algorithm) => {
      const { lb, clock } = fleet(5, { algorithm, explain: 0 })
      const counts = tally(
        Array.from({ length: 5_000 }, () => {
          const lease = lb.pick()
          clock.advance(1)
          lease.done('ok', 10)
          return lease.backend.id
        }),
      )
      for (const { id } of lb.backends) expect(Math.abs(counts[id]! - 1_000)).toBeLessThan(150)
    },
  )
})
