import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Lease, seededRandom } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

/** What happens next, drawn at random. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('route' as const), how: fc.integer({ min: 0, max: 7 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pick' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('done' as const), which: fc.nat(50) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 400 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('add' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drain' as const), which: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('algorithm' as const), which: fc.nat(3) }) },
)

const algorithms = ['p2c', 'weighted-round-robin', 'rendezvous', 'peak-ewma'] as const

it('no slot is lost, and none given twice, under any mix of throws, timeouts, aborts, retries, hedges and removals', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), fc.nat(), async (steps, seed) => {
      const { lb, clock } = fleet(
        4,
        {
          random: seededRandom(seed),
          requestTimeoutMs: 1_000,
          attemptTimeoutMs: 200,
          hedge: { initialMs: 30 },
          queue: { limit: 5 },
          breaker: { failureThreshold: 3, timeoutMs: 300 },
          outlier: { sweepMs: 500, baseEjectionMs: 300 },
          affinity: { by: 'session', ttlMs: 500 },
          concurrency: { min: 4, max: 20 },
          drainTimeoutMs: 500,
        },
        () => ({ maxConnections: 2 }),
      )
      lb.start()
      const random = seededRandom(seed + 1)
      const leases: Lease[] = []
      const stops: AbortController[] = []
      const open = new Set<Promise<unknown>>()
      const all = new Set(lb.backends)
      let added = 0
      for (const each of steps) {
        if (each.kind === 'route') {
          const stop = new AbortController()
          stops.push(stop)
          const request = { idempotent: each.how % 2 === 0, sessionId: `s${each.how}`, signal: stop.signal }
          const routed = lb.route(request, ({ signal, backend }) => {
            expect(backend.active).toBeLessThanOrEqual(2)
            const fate = random()
            if (fate < 0.2) throw new Error('at once')
            if (fate < 0.3) return { status: 503 }
            if (fate < 0.5) return new Promise(() => {})
            return new Promise((resolve, reject) => {
              clock.setTimer(() => (fate < 0.7 ? reject(new Error('late')) : resolve(1)), fate * 400)
              signal.addEventListener('abort', () => reject(signal.reason))
            })
          })
          const settled = routed.catch(() => {}).finally(() => open.delete(settled))
          open.add(settled)
        } else if (each.kind === 'pick') {
          try {
            leases.push(lb.pick())
          } catch (error) {
            expect(error).toHaveProperty('code')
          }
        } else if (each.kind === 'done') {
          const lease = leases[each.which % Math.max(1, leases.length)]
          lease?.done((['ok', 'failed', 'cancelled'] as const)[each.which % 3])
        } else if (each.kind === 'pass') await clock.pass(each.ms)
        else if (each.kind === 'abort') stops[each.which % Math.max(1, stops.length)]?.abort()
        else if (each.kind === 'remove') {
          const victim = lb.backends[each.which % Math.max(1, lb.backends.length)]
          if (victim !== undefined) lb.remove(victim.id)
        } else if (each.kind === 'add')
          all.add(lb.add({ id: `n${added++}`, host: 'h', port: 1, maxConnections: 2 }))
        else if (each.kind === 'drain') {
          const victim = lb.backends[each.which % Math.max(1, lb.backends.length)]
          if (victim !== undefined) void lb.drain(victim.id)
        } else lb.configureAlgorithm(algorithms[each.which]!)
        for (const backend of all) {
          expect(backend.active).toBeGreaterThanOrEqual(0)
          expect(backend.active).toBeLessThanOrEqual(2)
        }
      }
      for (const lease of leases) lease.done()
      await clock.pass(5_000)
      await settle()
      expect(open.size).toBe(0)
      expect([...all].map((backend) => backend.active)).toEqual([...all].map(() => 0))
      expect(lb.getLoadDistribution()).toMatchObject({ active: 0, queued: 0 })
      const closing = lb.close()
      await clock.pass(1_000)
      await closing
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 60 },
  )
}, 60_000)
