import { describe, expect, it } from 'vitest'
import type { Backend, Picking, Strategy, StrategyView } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'

/** The example of `Strategy`. */
class Cheapest implements Strategy {
  readonly name = 'cheapest'
  private backends: readonly Backend[] = []

  update({ eligible }: StrategyView): void {
    const price = ({ metadata }: Backend): number => Number(metadata['price'] ?? 0)
    this.backends = eligible.toSorted((a, b) => price(a) - price(b))
  }

  pick(picking: Picking): Backend | undefined {
    return this.backends.find((backend) => picking.accepts(backend))
  }
}

const prices = (index: number) => ({ metadata: { price: [3, 1, 2][index] }, maxConnections: 1 })

/** Has what a strategy has, and does what a test says. */
function strategyOf(parts: Partial<Strategy>): () => Strategy {
  return () => ({ name: 'odd', update: () => undefined, pick: () => undefined, ...parts })
}

function invalid(message: RegExp): Error {
  return expect.objectContaining({
    code: 'ERR_AETHER_ALGORITHM_INVALID',
    message: expect.stringMatching(message) as string,
  }) as Error
}

describe('a strategy of one’s own', () => {
  it('is asked, respects who is full, and can be changed at runtime', () => {
    const { lb } = fleet(3, { algorithm: () => new Cheapest() }, prices)
    const leases = [lb.pick(), lb.pick(), lb.pick()]
    expect(leases.map((lease) => lease.backend.id)).toEqual(['b1', 'b2', 'b0'])
    expect(lb.choose()).toBeUndefined()
    for (const lease of leases) lease.done()
    expect(lb.choose({ exclude: [lb.backends[1]!] })!.id).toBe('b2')
    expect(lb.getLoadDistribution().algorithm).toBe('cheapest')
    lb.configureAlgorithm('round-robin')
    expect(lb.choose()!.id).toBe('b0')
    lb.configureAlgorithm(() => new Cheapest())
    expect(lb.choose()!.id).toBe('b1')
  })

  it('sees members and those eligible of its level, and a version that changes with members and weights alone', async () => {
    const views: StrategyView[] = []
    let isDown = false
    const { lb, clock } = fleet(
      4,
      {
        algorithm: strategyOf({ update: (view) => views.push({ ...view }) }),
        healthCheck: { probe: ({ id }) => !(isDown && id === 'b0'), unhealthyThreshold: 1 },
      },
      (i) => ({ priority: i < 3 ? 1 : 0 }),
    )
    const latest = (): StrategyView => {
      lb.choose()
      return views.findLast((view) => view.members.some(({ id }) => id === 'b0'))!
    }
    lb.start()
    await clock.pass(1)
    const before = latest()
    expect(before.members.map(({ id }) => id)).toEqual(['b0', 'b1', 'b2'])
    isDown = true
    await clock.pass(6_000)
    expect(latest().eligible.map(({ id }) => id)).toEqual(['b1', 'b2'])
    expect(latest().members).toHaveLength(3)
    lb.update('b3', { weight: 7 })
    lb.update('b1', { metadata: {} })
    expect(latest().version).toBe(before.version)
    lb.update('b1', { weight: 7 })
    expect(latest().version).not.toBe(before.version)
    await lb.close()
  })

  it('gets a hash of what it places by, and none where it does not ask', () => {
    const hashes: number[] = []
    const noting = (placesBy: 'key' | 'client' | undefined) =>
      strategyOf({
        ...(placesBy !== undefined && { placesBy }),
        pick: ({ hash }) => void hashes.push(hash),
      })
    for (const placesBy of ['key', 'client', undefined] as const) {
      const { lb } = fleet(1, { algorithm: noting(placesBy) })
      lb.choose({ key: 'a', clientIp: '10.0.0.1' })
      lb.choose({ key: 'a', clientIp: '10.0.0.2' })
      lb.choose({ key: 'b', clientIp: '10.0.0.2' })
    }
    const [a, sameKey, b, first, second, sameClient, ...none] = hashes
    expect([a === sameKey, a === b, first === second, second === sameClient]).toEqual([
      true,
      false,
      false,
      true,
    ])
    expect(none).toEqual([0, 0, 0])
  })

  const broken: readonly (readonly [string, () => Strategy, RegExp])[] = [
    [
      'throws',
      strategyOf({
        pick: () => {
          throw new Error('oops')
        },
      }),
      /"odd" threw in pick: oops/,
    ],
    [
      'throws in update',
      strategyOf({
        update: () => {
          throw new Error('oops')
        },
      }),
      /"odd" threw in update: oops/,
    ],
    ['gives a copy', strategyOf({ pick: () => ({ id: 'b0' }) as Backend }), /"b0", which is none of its/],
    ['gives null', strategyOf({ pick: () => null as unknown as undefined }), /what is no backend/],
    [
      'gives a promise',
      strategyOf({ pick: () => Promise.resolve() as unknown as undefined }),
      /what is no backend/,
    ],
  ]

  it.each(broken)(
    'that %s fails the request with a code, and leaks nothing',
    async (_, algorithm, message) => {
      const { lb, clock } = fleet(2, { algorithm, slowStart: { windowMs: 1_000 }, hedge: {} })
      lb.start()
      const calls: string[] = []
      const call = ({ backend }: { readonly backend: Backend }): void => void calls.push(backend.id)
      expect(() => lb.choose()).toThrow(invalid(message))
      expect(() => lb.pick()).toThrow(invalid(message))
      await expect(lb.route({}, call)).rejects.toThrow(invalid(message))
      // Neither timers nor what is shown come to know of it.
      lb.add({ id: 'late', host: 'h', port: 1 })
      await clock.pass(2_000)
      expect(lb.getLoadDistribution()).toMatchObject({ active: 0, queued: 0 })
      expect(lb.explain()).toEqual([])
      lb.configureAlgorithm('p2c')
      expect(lb.choose()).toBeDefined()
      const closing = lb.close()
      await clock.pass(1)
      await closing
      expect(clock.pending).toBe(0)
      expect(calls).toEqual([])
    },
  )

  it('must not pick who does not accept, nor who is another level’s', () => {
    let chosen: Backend | undefined
    const { lb } = fleet(2, { algorithm: strategyOf({ pick: () => chosen }) }, (i) => ({
      priority: -i,
      maxConnections: 1,
    }))
    chosen = lb.backends[1]
    expect(() => lb.choose()).toThrow(invalid(/"b1", which is none of its eligible/))
    chosen = lb.backends[0]
    const lease = lb.pick()
    expect(() => lb.pick()).toThrow(invalid(/"b0", which does not accept/))
    expect(lb.backends[0]!.active).toBe(1)
    lease.done()
    expect(lb.pick().backend.id).toBe('b0')
    lb.remove('b0')
    expect(() => lb.choose()).toThrow(invalid(/"b0", which is none of its eligible/))
  })

  it.each([
    ['nothing', undefined],
    ['an object without methods', {}],
    ['no name', { name: '', update() {}, pick() {} }],
    ['a hash of what there is not', { name: 'odd', placesBy: 'user', update() {}, pick() {} }],
    ['priorities that are neither', { name: 'odd', ranksPriorities: 1, update() {}, pick() {} }],
  ])('cannot be %s', (_, strategy) => {
    expect(() => fleet(1, { algorithm: () => strategy as Strategy })).toThrow(invalid(/./))
    const { lb } = fleet(1)
    expect(() => lb.configureAlgorithm(() => strategy as Strategy)).toThrow(invalid(/./))
    expect(lb.getLoadDistribution().algorithm).toBe('p2c')
  })

  it('is made anew for each level: a shared one is refused', () => {
    const shared = new Cheapest()
    expect(() => fleet(1, { algorithm: () => shared })).toThrow(invalid(/the same strategy twice/))
  })

  it('whose factory fails later fails the picks of that level, and no timer', async () => {
    let isBroken = false
    const { lb, clock } = fleet(1, {
      slowStart: { windowMs: 1_000 },
      algorithm: () => {
        if (isBroken) throw new Error('no more')
        return new Cheapest()
      },
    })
    lb.start()
    expect(lb.choose()!.id).toBe('b0')
    isBroken = true
    lb.add({ id: 'high', host: 'h', port: 1, priority: 5 })
    await clock.pass(2_000)
    expect(() => lb.choose()).toThrow(invalid(/the factory of the algorithm threw/))
    lb.remove('high')
    expect(lb.choose()!.id).toBe('b0')
    await lb.close()
  })
})
