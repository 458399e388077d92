import { describe, expect, it } from 'vitest'
import type { AutoscaleOptions, Scaler } from '../../src/index.ts'
import { desiredCount } from '../../src/scaling/scale-signal.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const targets = { min: 1, max: 20, utilisation: 0.5, latencyMs: 100 }
const signal = { current: 4, utilisation: 0.5, queued: 0, slotsEach: 10, latencyMs: 50 }

describe('the wanted number', () => {
  it.each([
    ['on target', {}, 4],
    ['near the target', { utilisation: 0.54 }, 4],
    ['twice the load', { utilisation: 1 }, 8],
    ['half the load', { utilisation: 0.25 }, 2],
    ['no load', { utilisation: 0 }, 1],
    ['a queue as long as half the slots', { utilisation: 1, queued: 20 }, 12],
    ['twice the latency', { latencyMs: 200 }, 8],
    ['little latency, which is no reason to shrink', { latencyMs: 1 }, 4],
    ['more than there may be', { utilisation: 1, queued: 1_000 }, 20],
    ['nothing there, and someone waits', { current: 0, queued: 1 }, 1],
    ['nobody up', { utilisation: 0, slotsEach: 0 }, 4],
    ['nobody up, of more than there may be', { current: 30, utilisation: 0, slotsEach: 0 }, 20],
  ])('with %s', (_, change, wanted) => {
    expect(desiredCount({ ...signal, ...change }, targets)).toBe(wanted)
  })
})

class Machines implements Scaler {
  count = 0
  readonly calls: number[] = []
  failure: Error | undefined = undefined
  private readonly lb: ReturnType<typeof fleet>['lb']

  constructor(lb: ReturnType<typeof fleet>['lb']) {
    this.lb = lb
  }

  async scale(count: number): Promise<void> {
    this.calls.push(count)
    if (this.failure !== undefined) throw this.failure
    for (; this.count < count; this.count++)
      this.lb.add({ id: `m${this.count}`, host: 'm', port: 1, maxConnections: 10 })
    for (; this.count > count; this.count--) this.lb.remove(`m${this.count - 1}`)
  }
}

async function scaled(options: AutoscaleOptions = {}) {
  const { lb, clock } = fleet(0)
  const machines = new Machines(lb)
  const events = lb.events()
  const scaling = lb.autoscale(machines, {
    min: 2,
    max: 6,
    targetUtilisation: 0.5,
    intervalMs: 1_000,
    ...options,
  })
  await clock.pass(1_000)
  return { lb, clock, machines, scaling, events }
}

describe('autoscaling', () => {
  it('starts at the minimum, grows with the load, and shrinks only after a while without', async () => {
    const { lb, clock, machines } = await scaled()
    expect(machines.count).toBe(2)
    const leases = Array.from({ length: 20 }, () => lb.pick())
    await clock.pass(1_000)
    expect(machines.count).toBe(4)
    for (let index = 0; index < 20; index++) leases.push(lb.pick())
    await clock.pass(20_000)
    expect(machines.count).toBe(4)
    await clock.pass(15_000)
    expect(machines.count).toBe(6)
    for (const lease of leases) lease.done()
    await clock.pass(250_000)
    expect(machines.count).toBe(6)
    await clock.pass(60_000)
    expect(machines.count).toBe(2)
    expect(machines.calls).toEqual([2, 4, 6, 2])
    const closing = lb.close()
    await clock.pass(1)
    await closing
    expect(clock.pending).toBe(0)
  })

  it('tells what it did, and what went wrong, and goes on', async () => {
    const { lb, clock, machines, events } = await scaled({ scaleOutCooldownMs: 0 })
    const seen: unknown[] = []
    void (async () => {
      for await (const event of events) if (event.type.startsWith('scale')) seen.push(event)
    })()
    machines.failure = new Error('no more machines')
    const leases = Array.from({ length: 20 }, () => lb.pick())
    await clock.pass(1_000)
    machines.failure = undefined
    await clock.pass(1_000)
    await settle()
    expect(seen).toEqual([
      { type: 'scaled', from: 0, to: 2 },
      { type: 'scale-failed', to: 4, error: 'no more machines' },
      { type: 'scaled', from: 2, to: 4 },
    ])
    for (const lease of leases) lease.done()
  })

  it('counts what waits', async () => {
    const { lb, clock, machines } = await scaled({ min: 1 })
    const held = Array.from({ length: 10 }, () => lb.pick())
    for (let index = 0; index < 10; index++) void lb.route({}, () => 1)
    await clock.pass(1_000)
    expect(machines.count).toBe(4)
    for (const lease of held) lease.done()
  })

  it('does not shrink while everybody is down', async () => {
    let isUp = true
    const { lb, clock } = fleet(4, { healthCheck: { probe: () => isUp, intervalMs: 1_000 } })
    lb.start()
    const calls: number[] = []
    const scaler = { count: 4, scale: async (count: number) => void calls.push(count) }
    lb.autoscale(scaler, { scaleInCooldownMs: 20_000 })
    isUp = false
    await clock.pass(600_000)
    expect(calls).toEqual([])
    isUp = true
    await clock.pass(60_000)
    expect(calls[0]).toBe(1)
    await lb.close()
  })

  it('starts at the minimum at once', async () => {
    const { lb, clock } = fleet(0)
    const machines = new Machines(lb)
    lb.autoscale(machines, { min: 3 })
    await clock.pass(0)
    expect(machines.count).toBe(3)
  })

  it('does not shrink for one quiet moment, nor by more than was enough all the time', async () => {
    const { lb, clock, machines } = await scaled({ scaleOutCooldownMs: 0, scaleInCooldownMs: 10_000 })
    const busy = Array.from({ length: 20 }, () => lb.pick())
    await clock.pass(1_000)
    for (let n = 0; n < 10; n++) busy.push(lb.pick())
    await clock.pass(2_000)
    expect(machines.count).toBe(6)
    await clock.pass(60_000)
    for (const lease of busy) lease.done()
    await clock.pass(1_000)
    const again = Array.from({ length: 30 }, () => lb.pick())
    await clock.pass(60_000)
    expect(machines.calls).toEqual([2, 4, 6])
    for (const lease of again.splice(0, 12)) lease.done()
    await clock.pass(5_000)
    expect(machines.calls).toEqual([2, 4, 6])
    for (const lease of again) lease.done()
    await clock.pass(6_000)
    // Ten seconds with fewer: but at first it still took four.
    expect(machines.calls).toEqual([2, 4, 6, 4])
    await clock.pass(9_000)
    expect(machines.calls).toEqual([2, 4, 6, 4])
    await clock.pass(3_000)
    expect(machines.calls).toEqual([2, 4, 6, 4, 2])
  })

  it('asks for more while latencies of late are too high, and forgets them when they are not', async () => {
    const { lb, clock, machines, scaling } = await scaled({
      targetLatencyMs: 100,
      scaleOutCooldownMs: 0,
      max: 20,
    })
    const load = (latencyMs: number): void => {
      for (let n = 0; n < 50; n++) lb.pick().done('ok', latencyMs)
    }
    load(200)
    await clock.pass(1_000)
    expect(machines.count).toBeGreaterThanOrEqual(4)
    expect(scaling.status().latencyMs).toBeGreaterThan(180)
    const grown = machines.count
    for (let n = 0; n < 10; n++) {
      load(20)
      await clock.pass(1_000)
    }
    // The p95 since the start would still be 200, and it would have grown to the maximum.
    expect(machines.count).toBe(grown)
    expect(scaling.status().latencyMs).toBeLessThan(25)
  })

  it('never calls a scaler that is still at work, and tells when it takes too long', async () => {
    const { lb, clock } = fleet(0)
    const events = lb.events()
    const calls: number[] = []
    const signals: AbortSignal[] = []
    let finish = (): void => {}
    const scaler: Scaler = {
      count: 0,
      scale: (count, { signal }) => {
        calls.push(count)
        signals.push(signal)
        return new Promise((resolve) => (finish = resolve))
      },
    }
    const scaling = lb.autoscale(scaler, { min: 1, intervalMs: 1_000, scaleTimeoutMs: 5_000 })
    await clock.pass(4_000)
    expect(scaling.status()).toMatchObject({ isScaling: true, requested: 1 })
    void scaling.evaluate()
    await clock.pass(500)
    expect([calls, signals[0]!.aborted]).toEqual([[1], false])
    await clock.pass(60_000)
    expect([calls, signals[0]!.aborted]).toEqual([[1], true])
    expect((await events.next()).value).toEqual({
      type: 'scale-failed',
      to: 1,
      error: 'the scaler did not finish within 5000 ms',
    })
    finish()
    await clock.pass(1_000)
    expect(calls).toEqual([1, 1])
    scaling.close()
    expect(signals[1]!.aborted).toBe(true)
    expect(clock.pending).toBe(0)
    finish()
    await clock.pass(100_000)
    expect(calls).toEqual([1, 1])
    // What comes of it afterwards is nobody's business any more.
    const told: string[] = []
    await lb.close()
    for await (const event of events) told.push(event.type)
    expect(told).toEqual(['scaled'])
  })

  it.each([
    [
      'throws at once',
      () => ({
        count: 0,
        scale: () => {
          throw new Error('broken')
        },
      }),
      'broken',
    ],
    ['rejects with no error', () => ({ count: 0, scale: () => Promise.reject('broken') }), 'broken'],
    [
      'cannot count',
      () => ({
        get count(): number {
          throw new Error('broken')
        },
        scale: async () => {},
      }),
      'broken',
    ],
    [
      'counts nonsense',
      () => ({ count: Number.NaN, scale: async () => {} }),
      'scaler.count must be an integer from 0, not NaN',
    ],
  ] as const)('lives with a scaler that %s', async (_, make, error) => {
    const { lb, clock } = fleet(0)
    const events = lb.events()
    lb.autoscale(make(), { intervalMs: 1_000 })
    await clock.pass(1_500)
    for (let n = 0; n < 2; n++)
      expect((await events.next()).value).toMatchObject({ type: 'scale-failed', error })
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('waits no longer because a clock goes backwards', async () => {
    const { lb, clock, machines } = await scaled({ scaleOutCooldownMs: 5_000 })
    const leases = Array.from({ length: 20 }, () => lb.pick())
    await clock.pass(1_000)
    expect(machines.count).toBe(4)
    for (let n = 0; n < 20; n++) leases.push(lb.pick())
    // Timers go on; what the clock shows goes back by an hour.
    const before = clock.monotonic.bind(clock)
    clock.monotonic = () => before() - 3_600_000
    await clock.pass(10_000)
    clock.monotonic = before
    await clock.pass(1_000)
    expect(machines.count).toBe(6)
    for (const lease of leases) lease.done()
  })

  it('stops when told', async () => {
    const { clock, machines, scaling } = await scaled()
    scaling.close()
    machines.count = 0
    await clock.pass(100_000)
    expect(machines.calls).toEqual([2])
  })

  it.each([
    { min: 3, max: 2 },
    { min: -1 },
    { max: 0 },
    { scaleTimeoutMs: 0 },
    { scaleInCooldownMs: -1 },
    { targetUtilisation: 0 },
    { targetUtilisation: 2 },
    { intervalMs: 0 },
    { mni: 1 },
  ])('refuses %j', (options) => {
    const { lb } = fleet(0)
    expect(() => lb.autoscale({ count: 0, scale: async () => {} }, options as AutoscaleOptions)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })

  it('refuses what is no scaler, and latencies that nobody keeps', () => {
    const invalid = expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error
    expect(() => fleet(0).lb.autoscale({ count: 0 } as Scaler)).toThrow(invalid)
    const { lb } = fleet(0, { metrics: false })
    expect(() => lb.autoscale({ count: 0, scale: async () => {} }, { targetLatencyMs: 5 })).toThrow(invalid)
  })
})
