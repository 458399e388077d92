import { describe, expect, it } from 'vitest'
import { algorithmNames, type BalancerOptions } from '../../src/index.ts'
import { levelLoads } from '../../src/selection/priority-load.ts'
import { fleet, tally } from '../support/fleet.ts'

describe('priority levels', () => {
  it.each([
    [[72, 100], [100, 0], false],
    [[71, 100], [99, 1], false],
    [[50, 100], [70, 30], false],
    [[25, 25], [50, 50], true],
    [[0, 100], [0, 100], false],
    [[100, 100], [100, 0], false],
    [[0, 0], [100, 0], true],
  ] as const)('up by %j percent take %j percent of the traffic', (up, percent, isPanic) => {
    const loads = levelLoads(
      up.map((each) => ({ total: 100, up: each })),
      0.5,
    )
    expect(loads.map((load) => load.percent)).toEqual(percent)
    expect(loads.every((load) => load.isPanic)).toBe(isPanic)
  })

  it('share real traffic so', async () => {
    const down = new Set(['b0', 'b1', 'b2', 'b3', 'b4'])
    const { lb, clock } = fleet(
      20,
      { healthCheck: { probe: ({ id }) => !down.has(id), unhealthyThreshold: 1 }, explain: 0 },
      (i) => ({ priority: i < 10 ? 10 : 0 }),
    )
    lb.start()
    await clock.pass(1)
    const ids = Array.from({ length: 10_000 }, () => lb.choose()!.id)
    const high = ids.filter((id) => Number(id.slice(1)) < 10).length / ids.length
    expect(high).toBeGreaterThan(0.68)
    expect(high).toBeLessThan(0.72)
    expect(ids.some((id) => down.has(id))).toBe(false)
    await lb.close()
  })

  it('do not count who drains: of six that are left half is down', async () => {
    const down = new Set(['b0', 'b1', 'b2'])
    const { lb, clock } = fleet(
      20,
      { healthCheck: { probe: ({ id }) => !down.has(id), unhealthyThreshold: 1 }, explain: 0 },
      (i) => ({ priority: i < 10 ? 10 : 0 }),
    )
    lb.start()
    await clock.pass(1)
    for (const id of ['b6', 'b7', 'b8', 'b9']) await lb.drain(id)
    const ids = Array.from({ length: 10_000 }, () => lb.choose()!.id)
    const high = ids.filter((id) => Number(id.slice(1)) < 10).length / ids.length
    expect(Math.abs(high - 0.7)).toBeLessThan(0.02)
    await lb.close()
  })

  it('send to the lower level what the upper one has no slots for', () => {
    const { lb } = fleet(2, {}, (i) => ({ priority: -i, maxConnections: 1 }))
    const leases = [lb.pick(), lb.pick()]
    expect(leases.map((lease) => lease.backend.id)).toEqual(['b0', 'b1'])
    for (const lease of leases) lease.done()
  })
})

describe('sessions placed by their key', () => {
  it('keep to the levels, and each key to the level and backend that it had', async () => {
    let down = 0
    const { lb, clock } = fleet(
      20,
      {
        affinity: { by: 'hash' },
        explain: 0,
        healthCheck: { probe: ({ id }) => Number(id.slice(1)) >= down, unhealthyThreshold: 1 },
      },
      (i) => ({ priority: i < 10 ? 10 : 0, maxConnections: 1_000_000 }),
    )
    const place = (key: string): string => {
      const lease = lb.pick({ key })
      lease.done()
      return lease.backend.id
    }
    const keys = Array.from({ length: 4_000 }, (_, index) => `key-${index}`)
    const isLow = (id: string): boolean => Number(id.slice(1)) >= 10
    lb.start()
    await clock.pass(1)
    const before = keys.map(place)
    expect(before.some(isLow)).toBe(false)
    down = 5
    await clock.pass(6_000)
    const during = keys.map(place)
    // 1.4 · 50 % = 70 % stay.
    expect(Math.abs(during.filter(isLow).length / keys.length - 0.3)).toBeLessThan(0.03)
    expect(keys.map(place)).toEqual(during)
    const moved = keys.filter((_, index) => {
      const wasUp = Number(before[index]!.slice(1)) >= down
      return wasUp && !isLow(during[index]!) && during[index] !== before[index]
    })
    expect(moved).toEqual([])
    await lb.close()
  })
})

describe('keys of a hash', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `key-${index}`)
  /** Half of the upper level is down, and the lower one whole: 70 to 30. */
  async function shared(options: BalancerOptions): Promise<(key: string) => string> {
    const { lb, clock } = fleet(
      20,
      {
        ...options,
        explain: 0,
        healthCheck: { probe: ({ id }) => Number(id.slice(1)) >= 5, unhealthyThreshold: 1 },
      },
      (i) => ({ priority: i < 10 ? 10 : 0 }),
    )
    lb.start()
    await clock.pass(1)
    await lb.close()
    return (key) => lb.choose({ key })!.id
  }
  const everywhere: readonly BalancerOptions[] = [
    { algorithm: 'ip-hash' },
    { algorithm: 'ring-hash' },
    { algorithm: { name: 'maglev', boundedLoad: 1.25 } },
    { algorithm: 'maglev' },
    { algorithm: 'rendezvous' },
    { affinity: { by: 'hash' } },
  ]

  it.each(everywhere)(
    'stay where they are while levels share the traffic, as they should: %j',
    async (options) => {
      const place = await shared(options)
      const before = keys.map(place)
      expect(keys.map(place)).toEqual(before)
      const high = before.filter((id) => Number(id.slice(1)) < 10).length / keys.length
      expect(Math.abs(high - 0.7)).toBeLessThan(4 * Math.sqrt((0.7 * 0.3) / keys.length))
    },
  )
})

describe('panic', () => {
  async function half(downCount: number, panicThreshold?: number) {
    const probe = ({ id }: { readonly id: string }): boolean => Number(id.slice(1)) >= downCount
    const made = fleet(10, {
      healthCheck: { probe, unhealthyThreshold: 1 },
      explain: 0,
      ...(panicThreshold !== undefined && { panicThreshold }),
    })
    made.lb.start()
    await made.clock.pass(1)
    return made
  }

  it('spares those that are down as long as half is up', async () => {
    const { lb } = await half(5)
    const ids = new Set(Array.from({ length: 1_000 }, () => lb.choose()!.id))
    expect(ids.size).toBe(5)
    expect(lb.getLoadDistribution().isPanic).toBe(false)
    await lb.close()
  })

  it('gives everyone traffic below that, and says so', async () => {
    const { lb } = await half(6)
    const events = lb.events()
    const ids = new Set(Array.from({ length: 1_000 }, () => lb.choose()!.id))
    expect(ids.size).toBe(10)
    expect(lb.getLoadDistribution().isPanic).toBe(true)
    expect(await events.next()).toMatchObject({ value: { type: 'panic', isPanic: true } })
    await lb.close()
  })

  it('can be turned off: then nobody takes it when all are down', async () => {
    const { lb } = await half(10, 0)
    expect(lb.choose()).toBeUndefined()
    expect(() => lb.pick()).toThrow(expect.objectContaining({ code: 'ERR_AETHER_BACKENDS_NONE' }) as Error)
    await lb.close()
  })
})

describe('zones', () => {
  it('keep traffic at home while enough of it is up, and spill by the same rule', async () => {
    let down = new Set<string>()
    const { lb, clock } = fleet(
      10,
      {
        zone: 'a',
        healthCheck: { probe: ({ id }) => !down.has(id), unhealthyThreshold: 1, healthyThreshold: 1 },
        explain: 0,
      },
      (i) => ({ zone: i < 5 ? 'a' : 'b' }),
    )
    const local = (): number => {
      const ids = Array.from({ length: 5_000 }, () => lb.choose()!.id)
      return ids.filter((id) => Number(id.slice(1)) < 5).length / ids.length
    }
    lb.start()
    await clock.pass(1)
    expect(local()).toBe(1)
    down = new Set(['b0', 'b1'])
    await clock.pass(6_000)
    // 1.4 · 60 % = 84 %
    expect(local()).toBeGreaterThan(0.81)
    expect(local()).toBeLessThan(0.87)
    down = new Set(['b0', 'b1', 'b2', 'b3', 'b4'])
    await clock.pass(6_000)
    expect(local()).toBe(0)
    await lb.close()
  })
})

describe('slow start', () => {
  it('gives one that joins later its weight bit by bit, and those of the start at once', () => {
    const { lb, clock } = fleet(1, { slowStart: { windowMs: 10_000 } })
    lb.start()
    lb.add({ id: 'late', host: 'h', port: 1, weight: 2 })
    const weight = (): number => {
      lb.choose()
      return lb.backends.find((backend) => backend.id === 'late')!.effectiveWeight
    }
    expect(weight()).toBeCloseTo(0.2)
    clock.advance(5_000)
    expect(weight()).toBeCloseTo(1, 1)
    clock.advance(6_000)
    expect(weight()).toBe(2)
    expect(lb.backends[0]!.effectiveWeight).toBe(1)
    clock.advance(60_000)
    expect(clock.pending).toBe(0)
  })

  it('that begins with nothing still gives a weight that shares can go by', () => {
    for (const algorithm of algorithmNames) {
      const { lb } = fleet(0, { algorithm, slowStart: { windowMs: 10_000, minShare: 0 } })
      lb.start()
      for (const id of ['a', 'b', 'c']) lb.add({ id, host: 'h', port: 1 })
      const ids = Array.from({ length: 300 }, (_, key) => lb.choose({ key: String(key) })!.id)
      expect(new Set(ids), algorithm).toEqual(new Set(['a', 'b', 'c']))
    }
  })

  it('follows its aggression', () => {
    const { lb, clock } = fleet(1, { slowStart: { windowMs: 10_000, aggression: 2 } })
    lb.start()
    lb.add({ id: 'late', host: 'h', port: 1 })
    clock.advance(2_500)
    lb.choose()
    expect(lb.backends[1]!.effectiveWeight).toBeCloseTo(0.5, 1)
  })

  it('begins anew for one that was down', async () => {
    let isDown = true
    const { lb, clock } = fleet(3, {
      slowStart: { windowMs: 10_000 },
      healthCheck: {
        probe: ({ id }) => !(isDown && id === 'b0'),
        unhealthyThreshold: 1,
        healthyThreshold: 1,
        jitter: 0,
      },
    })
    lb.start()
    await clock.pass(1)
    isDown = false
    await clock.pass(5_000)
    lb.choose()
    expect(lb.backends[0]!.effectiveWeight).toBeLessThan(0.2)
    await clock.pass(11_000)
    expect(lb.backends[0]!.effectiveWeight).toBe(1)
    await lb.close()
  })
})

describe('a degraded backend', () => {
  it('gets half of its share where shares go by weight', async () => {
    const { lb, clock } = fleet(3, {
      algorithm: 'weighted-round-robin',
      healthCheck: { probe: ({ id }) => (id === 'b0' ? 'degraded' : 'healthy') },
    })
    lb.start()
    await clock.pass(1)
    expect(tally(Array.from({ length: 50 }, () => lb.choose()!.id))).toEqual({ b0: 10, b1: 20, b2: 20 })
    await lb.close()
  })
})

describe('explain', () => {
  it('names candidates, scores and who was excluded why', async () => {
    const { lb, clock } = fleet(4, {
      healthCheck: { probe: ({ id }) => id !== 'b3', unhealthyThreshold: 1 },
      explain: 2,
    })
    lb.start()
    await clock.pass(1)
    void lb.drain('b2', { timeoutMs: 10 })
    const held = lb.pick({ id: 'first' })
    const second = lb.pick({ id: 'second' })
    const third = lb.pick({ id: 'third' })
    const picks = lb.explain()
    expect(picks.map((pick) => pick.requestId)).toEqual(['second', 'third'])
    expect(picks[0]).toMatchObject({
      algorithm: 'p2c',
      pool: 'priority 0',
      backendId: second.backend.id,
      isSticky: false,
      excluded: [
        { backendId: 'b2', reason: 'draining' },
        { backendId: 'b3', reason: 'unhealthy' },
      ],
    })
    expect(picks[0]!.candidates).toEqual(
      expect.arrayContaining([
        { backendId: held.backend.id, score: 2 },
        { backendId: second.backend.id, score: 1 },
      ]),
    )
    for (const lease of [held, second, third]) lease.done()
    await lb.close()
  })
})
