import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { ChaosWorld, queueLimit } from './support/chaos-world.ts'

const minuteMs = 60_000

/**
 * An hour of simulated time, and shorter ones under other seeds, with everything going wrong now and then. All along a model that keeps its own books says
 * who may take a request, how many slots are held, and what must be over by now.
 */
it.each([
  [60, 1],
  [15, 2],
  [15, 3],
  [15, 4],
  [15, 5],
  [15, 6],
  [15, 7],
  [15, 8],
])(
  '%i minutes of chaos lose no slot, pick nobody who is down, and end every request in time (seed %i)',
  async (minutes, seed) => {
    const world = new ChaosWorld(seed)
    const { lb, clock, model } = world
    await world.open()
    const endsAt = clock.time + minutes * minuteMs
    const signals: AbortSignal[] = []
    let mishapAt = clock.time + 5_000
    while (clock.time < endsAt && model.violations.length === 0) {
      if (world.random() < 0.1) world.pick()
      else signals.push(world.route().request.signal!)
      if (clock.time >= mishapAt) {
        world.mishap()
        mishapAt = clock.time + 1_000 + world.random() * 6_000
      }
      await clock.pass(-Math.log(1 - world.random()) * 300)
      model.check(queueLimit)
    }
    expect(model.violations).toEqual([])

    world.calm()
    await clock.pass(120_000)
    model.check(0)
    expect(model.violations).toEqual([])
    expect(model.open.size).toBe(0)
    expect([...world.everyone].filter((backend) => backend.active !== 0)).toEqual([])
    expect(lb.getLoadDistribution()).toMatchObject({ active: 0, queued: 0, isPanic: false })
    expect(signals.filter((signal) => getEventListeners(signal, 'abort').length > 0)).toEqual([])
    if (world.resolved.length > 0)
      expect(
        lb.backends
          .filter(({ id }) => id.startsWith('name/'))
          .map(({ host }) => host)
          .toSorted(),
      ).toEqual([...new Set(world.resolved)].toSorted())

    // It was chaos, and most of it was served all the same.
    expect(Object.keys(world.happened).toSorted()).toEqual([
      'algorithm',
      'check',
      'clock',
      'drain',
      'fate',
      'flood',
      'join',
      'leave',
      'resolve',
      'update',
      'watch',
    ])
    expect(model.picks).toBeGreaterThan(minutes * 150)
    expect(model.picksInPanic).toBeLessThan(model.picks / 5)
    expect(model.probesSeen).toBeGreaterThan(5)
    const { ok = 0, ERR_AETHER_RATE_LIMITED: limited = 0, ...others } = world.ended
    const failed = Object.values(others).reduce((sum, each) => sum + each, 0)
    expect(limited).toBeGreaterThan(0)
    expect(ok / (ok + failed)).toBeGreaterThan(0.6)

    await lb.close()
    expect(clock.pending).toBe(0)
  },
  120_000,
)
