import { describe, expect, it } from 'vitest'
import type { AlgorithmName } from '../../src/index.ts'
import { algorithmNames } from '../../src/index.ts'
import { fleet, spread, tally } from '../support/fleet.ts'

describe('round robin', () => {
  it('goes round, whatever they weigh', () => {
    const { lb } = fleet(3, { algorithm: 'round-robin' }, (i) => ({ weight: i + 1 }))
    expect(Array.from({ length: 6 }, () => lb.choose()!.id)).toEqual(['b0', 'b1', 'b2', 'b0', 'b1', 'b2'])
  })

  it('goes on behind the last one when others come and go', () => {
    const { lb } = fleet(4, { algorithm: 'round-robin' })
    lb.choose()
    expect(lb.choose()!.id).toBe('b1')
    lb.remove('b0')
    expect(lb.choose()!.id).toBe('b2')
    lb.add({ id: 'b4', host: 'h', port: 1 })
    expect(Array.from({ length: 4 }, () => lb.choose()!.id)).toEqual(['b3', 'b4', 'b1', 'b2'])
  })

  it('goes on with whoever was next when the last one itself goes', () => {
    const { lb } = fleet(4, { algorithm: 'round-robin' })
    lb.choose()
    expect(lb.choose()!.id).toBe('b1')
    lb.remove('b1')
    expect(Array.from({ length: 3 }, () => lb.choose()!.id)).toEqual(['b2', 'b3', 'b0'])
    lb.remove('b0')
    lb.remove('b2')
    expect(lb.choose()!.id).toBe('b3')
  })
})

describe('least connections', () => {
  it('takes the one with the fewest for its weight', () => {
    const { lb } = fleet(3, { algorithm: 'least-connections' }, (i) => ({ weight: [1, 2, 4][i]! }))
    const leases = Array.from({ length: 70 }, () => lb.pick())
    expect(lb.backends.map((backend) => backend.active)).toEqual([10, 20, 40])
    for (const lease of leases) lease.done()
  })

  it('shares ties', () => {
    const { lb } = fleet(5, { algorithm: 'least-connections' })
    const counts = tally(Array.from({ length: 100 }, () => lb.choose()!.id))
    expect(counts).toEqual({ b0: 20, b1: 20, b2: 20, b3: 20, b4: 20 })
  })
})

describe('least latency', () => {
  it('takes the quickest, and tries a slow one again once its past has faded', () => {
    const { lb, clock } = fleet(2, { algorithm: 'least-latency' })
    lb.pick({ exclude: [lb.backends[1]!] }).done('ok', 200)
    const answer = (): string => {
      const lease = lb.pick()
      lease.done('ok', lease.backend.id === 'b1' ? 20 : 200)
      return lease.backend.id
    }
    expect(answer()).toBe('b1')
    for (let request = 0; request < 20; request++) expect(answer()).toBe('b1')
    const later = new Set<string>()
    for (let request = 0; request < 100; request++) {
      clock.advance(1_000)
      later.add(answer())
    }
    expect(later).toEqual(new Set(['b0', 'b1']))
  })
})

describe('random', () => {
  it('is even, or by weight', () => {
    const { lb } = fleet(10, { algorithm: 'random', explain: 0 })
    const even = tally(Array.from({ length: 20_000 }, () => lb.choose()!.id))
    expect(spread(even, 10)).toBeLessThan(1.07)
    const { lb: weighted } = fleet(3, { algorithm: 'random', explain: 0 }, (i) => ({ weight: [7, 2, 1][i]! }))
    const counts = tally(Array.from({ length: 20_000 }, () => weighted.choose()!.id))
    expect(counts['b0']! / 20_000).toBeCloseTo(0.7, 1)
    expect(counts['b2']! / 20_000).toBeCloseTo(0.1, 1)
  })
})

describe('quantum-aware', () => {
  const quantum = (index: number) => ({ capabilities: index < 3 ? ['quantum'] : [] })

  it('runs quantum work only where it can run', () => {
    const { lb } = fleet(10, { algorithm: 'quantum-aware' }, quantum)
    const request = { workload: 'quantum_simulation' }
    const ids = new Set(Array.from({ length: 200 }, () => lb.choose(request)!.id))
    expect(ids).toEqual(new Set(['b0', 'b1', 'b2']))
    for (const id of ids) lb.remove(id)
    expect(lb.choose(request)).toBeUndefined()
    expect(lb.choose({ workload: 'classical_compute' })).toBeDefined()
  })

  it('says so at once where nobody can run it, and waits where they are only busy', async () => {
    const { lb } = fleet(3, { algorithm: 'quantum-aware' }, (i) => ({
      capabilities: i === 2 ? ['quantum'] : [],
      maxConnections: 1,
    }))
    const request = { workload: 'quantum_simulation' }
    const held = lb.pick(request)
    const waiting = lb.route(request, ({ backend }) => backend.id)
    held.done()
    expect((await waiting).value).toBe('b2')
    lb.remove('b2')
    const nobody = expect.objectContaining({
      code: 'ERR_AETHER_BACKENDS_NONE',
      message: 'the request finds no backend: none of 2 suits it (it requires quantum)',
    }) as Error
    expect(() => lb.pick(request)).toThrow(nobody)
    await expect(lb.route(request, () => 1)).rejects.toThrow(nobody)
    lb.configureAlgorithm('p2c')
    lb.pick(request).done()
  })

  it('takes no session along to where its work cannot run', () => {
    for (const by of ['session', 'hash'] as const) {
      const { lb } = fleet(10, { algorithm: 'quantum-aware', affinity: { by } }, quantum)
      for (let n = 0; n < 50; n++) {
        const session = { sessionId: `s${n}`, key: `s${n}` }
        const take = (workload: string): string => {
          const lease = lb.pick({ ...session, workload })
          lease.done()
          return lease.backend.id
        }
        const home = take('classical_compute')
        expect(['b0', 'b1', 'b2']).toContain(take('quantum_simulation'))
        expect(take('classical_compute')).toBe(home)
      }
    }
  })

  it('keeps other work off rare hardware while there is other, and draws hybrid work there', () => {
    const { lb } = fleet(10, { algorithm: 'quantum-aware' }, quantum)
    const share = (workload: string): number => {
      const ids = Array.from({ length: 2_000 }, () => lb.choose({ workload })!.id)
      return ids.filter((id) => ['b0', 'b1', 'b2'].includes(id)).length / ids.length
    }
    expect(share('classical_compute')).toBeLessThan(0.12)
    expect(share('hybrid')).toBeGreaterThan(0.45)
    expect(share('data_processing')).toBeLessThan(0.12)
  })

  it('lets no term swamp the others: the highest priority still gives way to load and latency', () => {
    const { lb } = fleet(2, { algorithm: 'quantum-aware' }, (i) => ({
      priority: i === 0 ? 1_000_000 : 0,
      maxConnections: 10,
    }))
    expect(tally(Array.from({ length: 20 }, () => lb.choose()!.id))).toEqual({ b0: 20 })
    const b0 = { exclude: [lb.backends[1]!] }
    const b1 = { exclude: [lb.backends[0]!] }
    lb.pick(b1).done('ok', 1)
    lb.pick(b0).done('ok', 500)
    const held = Array.from({ length: 9 }, () => lb.pick(b0))
    expect(tally(Array.from({ length: 20 }, () => lb.choose()!.id))).toEqual({ b1: 20 })
    for (const lease of held) lease.done()
  })

  it('does not send everyone to the one best', () => {
    const { lb } = fleet(10, { algorithm: 'quantum-aware' }, (i) => ({ priority: i }))
    const counts = tally(Array.from({ length: 1_000 }, () => lb.choose()!.id))
    expect(Math.max(...Object.values(counts)) / 1_000).toBeLessThan(0.25)
    expect(Object.keys(counts).length).toBeGreaterThan(7)
  })

  it('takes workloads and terms of its own', () => {
    const { lb } = fleet(
      4,
      { algorithm: { name: 'quantum-aware', workloads: { render: 'gpu' }, capabilityWeight: 1 } },
      (i) => ({ capabilities: i === 2 ? ['gpu'] : [] }),
    )
    expect(tally(Array.from({ length: 20 }, () => lb.choose({ workload: 'render' })!.id))).toEqual({ b2: 20 })
  })
})

describe('every algorithm', () => {
  it.each(algorithmNames)(
    '%s respects slots, exclusions and required capabilities',
    (name: AlgorithmName) => {
      const { lb } = fleet(6, { algorithm: name }, (i) => ({
        maxConnections: 2,
        capabilities: i % 2 === 0 ? ['disk'] : [],
      }))
      const request = { requires: ['disk'], clientIp: '10.0.0.9', exclude: [lb.backends[0]!] }
      const leases = Array.from({ length: 4 }, () => lb.pick(request))
      expect(tally(leases.map((lease) => lease.backend.id))).toEqual({ b2: 2, b4: 2 })
      expect(lb.choose(request)).toBeUndefined()
      for (const lease of leases) lease.done()
      expect(lb.backends.every((backend) => backend.active === 0)).toBe(true)
    },
  )

  it.each(algorithmNames)('%s keeps counts and latencies when it takes over', (name: AlgorithmName) => {
    const { lb } = fleet(3)
    const held = lb.pick()
    lb.pick({ exclude: [held.backend] }).done('ok', 25)
    lb.configureAlgorithm(name)
    const { backends, active } = lb.getLoadDistribution()
    expect(active).toBe(1)
    expect(backends[held.backend.id]!.active).toBe(1)
    expect(Object.values(backends).some((each) => each.meanMs === 25)).toBe(true)
    held.done()
  })

  it.each([
    '',
    'ROUND_ROBIN',
    'toString',
    'best',
    { name: 'p2c', boundedLoad: 2 },
    { name: 'maglev', size: 3 },
  ])('refuses %j', (algorithm) => {
    expect(() => fleet(1, { algorithm: algorithm as AlgorithmName })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_ALGORITHM_INVALID' }) as Error,
    )
  })

  it.each([1, 0.5, Number.NaN, '2'])('refuses a bound of %j', (boundedLoad) => {
    expect(() => fleet(1, { algorithm: { name: 'maglev', boundedLoad: boundedLoad as number } })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_ALGORITHM_INVALID' }) as Error,
    )
  })
})
