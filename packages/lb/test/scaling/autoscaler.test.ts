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

  it('stops when told', async () => {
    const { clock, machines, scaling } = await scaled()
    scaling.close()
    machines.count = 0
    await clock.pass(100_000)
    expect(machines.calls).toEqual([2])
  })

  it.each([
    { min: 3, max: 2 },
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
})
