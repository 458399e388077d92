import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AlgorithmName, Balancer } from '../../src/index.ts'
import { seededRandom } from '../../src/index.ts'
import { fleet, spread, tally } from '../support/fleet.ts'

const keys = Array.from({ length: 20_000 }, (_, index) => `key-${index}`)

function places(lb: Balancer): Map<string, string> {
  return new Map(keys.map((key) => [key, lb.choose({ key })!.id]))
}

function moved(before: Map<string, string>, after: Map<string, string>): number {
  return keys.filter((key) => before.get(key) !== after.get(key)).length / keys.length
}

// Spread over 20 000 keys: chance alone adds some 3 % to what the notes give for the function itself.
describe.each([
  ['rendezvous', 1.011, 0],
  ['maglev', 1.016, 0.01],
  ['ring-hash', 1.16, 0],
] as const)('%s', (algorithm: AlgorithmName, evenness, needless) => {
  it('is even over ten backends', () => {
    // The mean over several functions of the family: one alone may be lucky or not.
    const spreads = Array.from({ length: 8 }, (_, hashKey) => {
      const { lb } = fleet(10, { algorithm, hashKey, explain: 0 })
      return spread(tally(places(lb).values()), 10)
    })
    expect(spreads.reduce((sum, each) => sum + each, 0) / 8).toBeLessThan(evenness + 0.03)
  })

  it('moves the keys of a backend that goes, and hardly any other', () => {
    const { lb } = fleet(10, { algorithm, explain: 0 })
    const before = places(lb)
    lb.remove('b3')
    const after = places(lb)
    const share = keys.filter((key) => before.get(key) === 'b3').length / keys.length
    expect(share).toBeGreaterThan(0.08)
    expect(share).toBeLessThan(0.13)
    expect(moved(before, after) - share).toBeLessThanOrEqual(needless)
    expect(moved(before, after)).toBeGreaterThanOrEqual(share)
  })

  it('moves nothing back and forth while one is down, and everything back after', async () => {
    let isDown = false
    const { lb, clock } = fleet(10, {
      algorithm,
      explain: 0,
      healthCheck: {
        probe: ({ id }) => !(isDown && id === 'b3'),
        unhealthyThreshold: 1,
        healthyThreshold: 1,
      },
    })
    lb.start()
    await clock.pass(6_000)
    const before = places(lb)
    isDown = true
    await clock.pass(6_000)
    const during = places(lb)
    expect([...during.values()]).not.toContain('b3')
    expect(keys.filter((key) => before.get(key) !== 'b3' && before.get(key) !== during.get(key))).toEqual([])
    isDown = false
    await clock.pass(6_000)
    expect(places(lb)).toEqual(before)
    await lb.close()
  })

  it('goes by weight', () => {
    const { lb } = fleet(4, { algorithm, explain: 0 }, (i) => ({ weight: [4, 2, 1, 1][i]! }))
    const counts = tally(places(lb).values())
    expect(counts['b0']! / keys.length).toBeGreaterThan(0.43)
    expect(counts['b0']! / keys.length).toBeLessThan(0.57)
    expect(counts['b1']! / keys.length).toBeGreaterThan(0.2)
    expect(counts['b1']! / keys.length).toBeLessThan(0.3)
  })

  it('goes by id, not by the order in which backends came', () => {
    const { lb } = fleet(10, { algorithm, explain: 0 })
    const { lb: other } = fleet(10, { algorithm, explain: 0 }, (i) => ({ id: `b${9 - i}` }))
    expect(places(other)).toEqual(places(lb))
  })

  it('keeps a key where it is for as long as the backends stay', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (key) => {
        const { lb } = fleet(5, { algorithm, explain: 0 })
        const home = lb.choose({ key })!.id
        for (let pick = 0; pick < 5; pick++) expect(lb.choose({ key })!.id).toBe(home)
      }),
      { numRuns: 20 },
    )
  })
})

describe('modulo, as the seed does it', () => {
  it('would move most keys: the bound above means something', () => {
    const before = new Map(keys.map((key, index) => [key, String(index % 10)]))
    const after = new Map(keys.map((key, index) => [key, String(index % 9)]))
    expect(moved(before, after)).toBeGreaterThan(0.8)
  })
})

describe('maglev', () => {
  it('gives equal weights slots that differ by one at most', () => {
    const { lb } = fleet(10, { algorithm: 'maglev', explain: 0 })
    // Each slot once: a random key hits slots in proportion, so many keys show the table.
    const counts = Object.values(tally(places(lb).values()))
    expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.1)
  })
})

describe('ip hash', () => {
  it.each([10, 40])('keeps a client at its backend, of %i', (count) => {
    const { lb } = fleet(count, { algorithm: 'ip-hash', explain: 0 })
    const clients = Array.from({ length: 2_000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`)
    const before = clients.map((clientIp) => lb.choose({ clientIp, key: String(Math.random()) })!.id)
    expect(clients.map((clientIp) => lb.choose({ clientIp })!.id)).toEqual(before)
    expect(new Set(before).size).toBe(count)
    lb.remove('b7')
    const after = clients.map((clientIp) => lb.choose({ clientIp })!.id)
    const strays = after.filter((id, index) => id !== before[index] && before[index] !== 'b7').length
    expect(strays / clients.length).toBeLessThan(0.05)
  })
})

describe('bounded load', () => {
  /** Keys with Zipf's law of exponent 1.1: the most popular one has a tenth of all. */
  function zipf(random: () => number, count: number): () => string {
    const sums: number[] = []
    let sum = 0
    for (let rank = 1; rank <= count; rank++) sums.push((sum += rank ** -1.1))
    return () => {
      const target = random() * sum
      let low = 0
      let high = count - 1
      while (low < high) {
        const middle = (low + high) >> 1
        if (sums[middle]! < target) low = middle + 1
        else high = middle
      }
      return `item-${low}`
    }
  }

  function load(boundedLoad: number | undefined, name: 'rendezvous' | 'maglev' | 'ring-hash') {
    const { lb } = fleet(10, {
      algorithm: boundedLoad === undefined ? name : { name, boundedLoad },
      explain: 0,
    })
    const { lb: homes } = fleet(10, { algorithm: name, explain: 0 })
    const next = zipf(seededRandom(7), 10_000)
    let strays = 0
    let worst = 0
    const held: ReturnType<Balancer['pick']>[] = []
    for (let index = 0; index < 2_000; index++) {
      const key = next()
      const lease = lb.pick({ key })
      if (lease.backend.id !== homes.choose({ key })!.id) strays++
      held.push(lease)
      const mean = held.length / 10
      const most = Math.max(...lb.backends.map((backend) => backend.active))
      if (boundedLoad !== undefined) expect(most).toBeLessThanOrEqual(Math.ceil(boundedLoad * mean))
      if (index > 1_000) worst = Math.max(worst, most / mean)
    }
    for (const lease of held) lease.done()
    return { worst, strays: strays / 2_000 }
  }

  it('lets popular keys drown a backend without a bound', () => {
    expect(load(undefined, 'rendezvous').worst).toBeGreaterThan(1.6)
  })

  it.each(['rendezvous', 'maglev', 'ring-hash'] as const)('holds every backend of %s to 1.25', (name) => {
    const { worst, strays } = load(1.25, name)
    expect(worst).toBeLessThanOrEqual(1.26)
    expect(strays).toBeLessThan(0.4)
  })
})
