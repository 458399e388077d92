import { expect, it } from 'vitest'
import { type Backend, seededRandom } from '../src/index.ts'
import { fleet } from './support/fleet.ts'

/**
 * An hour of simulated time with everything going wrong now and then: backends die, stall, slow down, come and go, are drained and updated, and callers give
 * up. What must hold all along: no slot is lost or given twice, and outside panic no request goes to a backend that is known to be down.
 */
it.each([1, 2])(
  'an hour of chaos loses no slot and picks nobody who is down (seed %i)',
  async (seed) => {
    const random = seededRandom(seed)
    const state = new Map<string, 'fine' | 'dead' | 'slow' | 'stalled'>()
    const { lb, clock } = fleet(
      12,
      {
        random: seededRandom(seed + 100),
        algorithm: 'peak-ewma',
        requestTimeoutMs: 2_000,
        attemptTimeoutMs: 700,
        healthCheck: {
          probe: ({ id }) => state.get(id) !== 'dead' && state.get(id) !== 'stalled',
          unhealthyThreshold: 2,
        },
        breaker: { timeoutMs: 5_000 },
        outlier: {},
        slowStart: { windowMs: 20_000 },
        hedge: { initialMs: 100 },
        affinity: { by: 'session', ttlMs: 60_000 },
        concurrency: { min: 20, max: 200 },
        drainTimeoutMs: 5_000,
        zone: 'z0',
      },
      (i) => ({ zone: `z${i % 3}`, maxConnections: 10, priority: i < 9 ? 1 : 0 }),
    )
    lb.start()
    const seen = new Set<Backend>(lb.backends)
    const end = clock.time + 3_600_000
    let [ok, failed, picks, wrong, panics] = [0, 0, 0, 0, 0]
    let next = 12
    const any = (): Backend => lb.backends[Math.floor(random() * lb.backends.length)]!

    const request = (): void => {
      const stop = new AbortController()
      if (random() < 0.02) clock.setTimer(() => stop.abort(), random() * 500)
      const sessionId = random() < 0.3 ? { sessionId: `s${Math.floor(random() * 50)}` } : {}
      lb.route({ idempotent: random() < 0.7, signal: stop.signal, ...sessionId }, ({ backend, signal }) => {
        picks++
        const isDown = backend.health === 'unhealthy' || backend.isEjected
        if (lb.getLoadDistribution().isPanic) panics++
        else if (isDown || backend.breakerState === 'open') wrong++
        if (backend.active > backend.maxConnections) wrong++
        const fate = state.get(backend.id) ?? 'fine'
        if (fate === 'dead') throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
        const serviceMs = -Math.log(1 - random()) * (fate === 'slow' ? 200 : 20)
        return new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
          if (fate !== 'stalled')
            clock.setTimer(() => (random() < 0.01 ? reject(new Error('oops')) : resolve(1)), serviceMs)
        })
      }).then(
        () => ok++,
        () => failed++,
      )
    }

    const mishap = (): void => {
      const kind = random()
      if (kind < 0.5) {
        const { id } = any()
        state.set(id, (['dead', 'slow', 'stalled'] as const)[Math.floor(random() * 3)]!)
        clock.setTimer(() => state.delete(id), 5_000 + random() * 60_000)
      } else if (kind < 0.65 && lb.backends.length > 8) lb.remove(any().id)
      else if (kind < 0.8 && lb.backends.length < 16)
        seen.add(
          lb.add({
            id: `b${next++}`,
            host: 'h',
            port: 1,
            zone: `z${next % 3}`,
            maxConnections: 10,
            priority: next % 2,
          }),
        )
      else if (kind < 0.9) {
        const { id } = any()
        void lb.drain(id).then(() => lb.backends.some((backend) => backend.id === id) && lb.restore(id))
      } else lb.update(any().id, { weight: 0.5 + random() * 3 })
    }

    let mishapAt = clock.time + 1_000
    while (clock.time < end) {
      request()
      if (clock.time >= mishapAt) {
        mishap()
        mishapAt = clock.time + 2_000 + random() * 8_000
      }
      for (const backend of seen) if (backend.active < 0 || backend.active > 10) wrong++
      await clock.pass(-Math.log(1 - random()) * 200)
    }
    await clock.pass(10_000)
    expect([...seen].filter((backend) => backend.active !== 0)).toEqual([])
    expect(lb.getLoadDistribution()).toMatchObject({ active: 0, queued: 0 })
    expect(wrong).toBe(0)
    expect(picks).toBeGreaterThan(15_000)
    expect(panics).toBeLessThan(picks / 5)
    expect(ok / (ok + failed)).toBeGreaterThan(0.9)
    const closing = lb.close()
    await clock.pass(60_000)
    await closing
    expect(clock.pending).toBe(0)
  },
  60_000,
)
