import { describe, expect, it } from 'vitest'
import type { Backend, BackendChange } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error

describe('adding', () => {
  it('takes what it is told, and the seed’s defaults for the rest', () => {
    const { lb } = fleet(0)
    const plain = lb.add({ host: 'a.example', port: 80 })
    expect(plain).toMatchObject({
      id: 'a.example:80',
      weight: 1,
      maxConnections: 1_000,
      priority: 0,
      capabilities: [],
      health: 'unknown',
      breakerState: 'closed',
    })
    const metadata = { datacenter: 'us-east-1', rack: 'rack-42' }
    const full = lb.add({ id: 'x', host: 'b', port: 1, weight: 1.5, maxConnections: 5, zone: 'z', metadata })
    expect(full).toMatchObject({ id: 'x', weight: 1.5, maxConnections: 5, zone: 'z', metadata })
    metadata.rack = 'changed'
    expect(full.metadata['rack']).toBe('rack-42')
  })

  it.each<[string, Record<string, unknown>]>([
    ['a weight of 0', { weight: 0 }],
    ['a negative weight', { weight: -1 }],
    ['a weight that is next to nothing', { weight: 5e-324 }],
    ['a weight beyond measure', { weight: 1e300 }],
    ['a weight that is no number', { weight: Number.NaN }],
    ['an infinite weight', { weight: Number.POSITIVE_INFINITY }],
    ['a weight as text', { weight: '2' }],
    ['an empty host', { host: '' }],
    ['a blank host', { host: '  ' }],
    ['no host', { host: undefined }],
    ['port 0', { port: 0 }],
    ['a negative port', { port: -80 }],
    ['a port that is no number', { port: Number.NaN }],
    ['no port', { port: undefined }],
    ['a port beyond 65535', { port: 65_536 }],
    ['a port with a fraction', { port: 80.5 }],
    ['a port as text', { port: '80' }],
    ['no slots', { maxConnections: 0 }],
    ['endless slots', { maxConnections: Number.POSITIVE_INFINITY }],
    ['an empty zone', { zone: '' }],
    ['an empty group', { group: ' ' }],
    ['a capability that is no text', { capabilities: [5] }],
    ['an empty id', { id: '' }],
    ['capabilities that are no list', { capabilities: 'quantum' }],
    ['metadata that is a list', { metadata: [] }],
    ['a priority with a fraction', { priority: 1.5 }],
    ['an unknown key', { wieght: 1 }],
  ])('refuses %s', (_, wrong) => {
    const { lb } = fleet(0)
    expect(() => lb.add({ host: 'h', port: 1, ...wrong })).toThrow(code('OPTIONS_INVALID'))
    expect(lb.backends).toHaveLength(0)
  })

  it('is refused once the balancer is closed', async () => {
    const { lb } = fleet(0)
    await lb.close()
    expect(() => lb.add({ host: 'h', port: 1 })).toThrow(code('BALANCER_CLOSED'))
  })

  it('refuses an id that is there', () => {
    const { lb } = fleet(1)
    expect(() => lb.add({ id: 'b0', host: 'h', port: 1 })).toThrow(code('BACKEND_DUPLICATE'))
  })
})

describe('updating', () => {
  it('changes a backend in place, with what is under way there', () => {
    const { lb } = fleet(2, { algorithm: 'weighted-round-robin' })
    const lease = lb.pick()
    const { id } = lease.backend
    expect(lb.update(id, { weight: 3, maxConnections: 7, priority: 2, capabilities: ['gpu'] })).toBe(
      lease.backend,
    )
    expect(lease.backend).toMatchObject({ weight: 3, maxConnections: 7, priority: 2, active: 1 })
    lb.update(id, { priority: 0 })
    const ids = Array.from({ length: 40 }, () => lb.choose()!.id)
    expect(ids.filter((each) => each === id).length).toBe(30)
    lease.done()
  })

  it('takes a backend out of its zone and its group with null, and nothing else', () => {
    const { lb } = fleet(2, { zone: 'a' }, (i) => ({ zone: i === 0 ? 'a' : 'b', group: 'g' }))
    expect(lb.choose()!.id).toBe('b0')
    lb.update('b1', { zone: 'a' })
    const back = lb.update('b0', { zone: null })
    expect([back.zone, back.group]).toEqual([undefined, 'g'])
    expect(new Set(Array.from({ length: 20 }, () => lb.choose()!.id))).toEqual(new Set(['b1']))
    expect(lb.update('b0', { group: null, weight: 2 })).toMatchObject({ group: undefined, weight: 2 })
    for (const change of [{ weight: null }, { capabilities: null }, { metadata: null }, { priority: null }])
      expect(() => lb.update('b0', change as unknown as BackendChange)).toThrow(code('OPTIONS_INVALID'))
    for (const each of ['zone', 'group'])
      expect(() => lb.add({ host: 'h', port: 1, [each]: null })).toThrow(code('OPTIONS_INVALID'))
  })

  it('keeps what is known and under way, whichever field changes', () => {
    const { lb, clock } = fleet(1, { breaker: { failureThreshold: 3 }, affinity: { by: 'session' } })
    const slow = lb.pick({ sessionId: 's' })
    clock.advance(40)
    lb.pick().done('ok')
    lb.pick().done('failed')
    lb.pick().done('failed')
    const before = lb.getLoadDistribution().backends['b0']!
    const changes: BackendChange[] = [
      { weight: 2.5 },
      { maxConnections: 3 },
      { priority: -4 },
      { zone: 'z' },
      { group: 'g' },
      { capabilities: ['gpu'] },
      { metadata: { rack: 7 } },
    ]
    for (const change of changes) {
      expect(lb.update('b0', change)).toMatchObject(change)
      expect(slow.backend.expectedMs(clock.time)).toBeGreaterThanOrEqual(40)
      expect([slow.backend.active, slow.isDone]).toEqual([1, false])
    }
    expect(lb.backends[0]).toMatchObject(Object.assign({}, ...changes))
    expect(lb.getLoadDistribution().backends['b0']).toMatchObject({
      failed: before.failed,
      breaker: 'closed',
    })
    lb.update('b0', { maxConnections: 1_000 })
    lb.pick().done('failed')
    expect(lb.backends[0]!.breakerState).toBe('open')
  })

  it('takes slots away only from requests to come', () => {
    const { lb } = fleet(1)
    const leases = Array.from({ length: 5 }, () => lb.pick())
    lb.update('b0', { maxConnections: 2 })
    for (const active of [5, 4, 3, 2]) {
      expect(lb.backends[0]!.active).toBe(active)
      expect(lb.choose()).toBeUndefined()
      expect(() => lb.pick()).toThrow(code('QUEUE_FULL'))
      leases.pop()!.done()
    }
    expect(lb.choose()).toBeDefined()
  })

  it('gives slots to those who wait for one', async () => {
    const { lb, clock } = fleet(1, {}, () => ({ maxConnections: 1 }))
    const held = lb.pick()
    const waiting = lb.route({}, () => 'through')
    await clock.pass(1)
    lb.update('b0', { maxConnections: 2 })
    expect((await waiting).value).toBe('through')
    held.done()
  })

  it('keeps no object of the caller', () => {
    const { lb } = fleet(1)
    const capabilities = ['gpu']
    const metadata = { rack: 1 }
    lb.update('b0', { capabilities, metadata })
    capabilities.push('quantum')
    metadata.rack = 2
    expect(lb.backends[0]).toMatchObject({ capabilities: ['gpu'], metadata: { rack: 1 } })
  })

  it('changes nothing where any of it is wrong', () => {
    const { lb } = fleet(1)
    expect(() => lb.update('b0', { weight: -1, priority: 3 })).toThrow(code('OPTIONS_INVALID'))
    expect(() => lb.update('b0', { host: 'other' } as object)).toThrow(code('OPTIONS_INVALID'))
    expect(lb.backends[0]).toMatchObject({ weight: 1, priority: 0 })
    expect(() => lb.update('nobody', {})).toThrow(code('BACKEND_UNKNOWN'))
    for (const id of [5, undefined, null, {}, '__proto__'])
      expect(() => lb.remove(id as string)).toThrow(code('BACKEND_UNKNOWN'))
  })
})

describe('removing', () => {
  it('ends new requests at once, and lets those under way end', async () => {
    const { lb, clock } = fleet(2)
    const routed = lb.route({}, async ({ backend }) => {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 50))
      return backend.id
    })
    await settle()
    const busy = lb.backends.find((backend) => backend.active === 1)!
    lb.remove(busy.id)
    expect(new Set(Array.from({ length: 20 }, () => lb.choose()!.id)).size).toBe(1)
    await clock.pass(60)
    expect((await routed).value).toBe(busy.id)
    expect(() => lb.remove(busy.id)).toThrow(code('BACKEND_UNKNOWN'))
  })
})

describe('what ends after its backend is gone', () => {
  it('sets no timer, is not missed in the counts of the others, and no event', async () => {
    let poolActive = -1
    const { lb, clock } = fleet(2, {
      breaker: { failureThreshold: 1 },
      algorithm: () => {
        let eligible: readonly Backend[] = []
        return {
          name: 'first',
          update: (view) => (eligible = view.eligible),
          pick: (picking) => {
            poolActive = picking.poolActive
            return eligible.find((backend) => picking.accepts(backend))
          },
        }
      },
    })
    const gone = lb.pick()
    const stays = lb.pick({ exclude: [gone.backend] })
    const events = lb.events()
    lb.remove(gone.backend.id)
    expect(await events.next()).toMatchObject({ value: { type: 'backend-removed' } })
    lb.choose()
    expect(poolActive).toBe(1)
    gone.done('failed')
    lb.choose()
    expect(poolActive).toBe(1)
    stays.done()
    lb.choose()
    expect(poolActive).toBe(0)
    expect(clock.pending).toBe(0)
    await lb.close()
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })
})
