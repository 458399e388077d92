import { describe, expect, it } from 'vitest'
import type { Backend } from '../../src/index.ts'
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
    ['a weight that is no number', { weight: Number.NaN }],
    ['an infinite weight', { weight: Number.POSITIVE_INFINITY }],
    ['a weight as text', { weight: '2' }],
    ['an empty host', { host: '' }],
    ['a blank host', { host: '  ' }],
    ['no host', { host: undefined }],
    ['port 0', { port: 0 }],
    ['a port beyond 65535', { port: 65_536 }],
    ['a port with a fraction', { port: 80.5 }],
    ['a port as text', { port: '80' }],
    ['no slots', { maxConnections: 0 }],
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

  it('changes nothing where any of it is wrong', () => {
    const { lb } = fleet(1)
    expect(() => lb.update('b0', { weight: -1, priority: 3 })).toThrow(code('OPTIONS_INVALID'))
    expect(() => lb.update('b0', { host: 'other' } as object)).toThrow(code('OPTIONS_INVALID'))
    expect(lb.backends[0]).toMatchObject({ weight: 1, priority: 0 })
    expect(() => lb.update('nobody', {})).toThrow(code('BACKEND_UNKNOWN'))
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
  it('sets no timer, and is not missed in the counts of the others', () => {
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
    lb.remove(gone.backend.id)
    lb.choose()
    expect(poolActive).toBe(1)
    gone.done('failed')
    lb.choose()
    expect(poolActive).toBe(1)
    stays.done()
    lb.choose()
    expect(poolActive).toBe(0)
    expect(clock.pending).toBe(0)
  })
})

describe('draining', () => {
  it('waits for what is under way, up to its time, and can be taken back', async () => {
    const { lb, clock } = fleet(2)
    const lease = lb.pick()
    const { id } = lease.backend
    const drain = lb.drain(id, { timeoutMs: 300 })
    expect(lb.choose()!.id).not.toBe(id)
    await clock.pass(400)
    expect(await drain).toEqual({ active: 1, sessions: 0 })
    const second = lb.drain(id)
    lease.done()
    await clock.pass(200)
    expect(await second).toEqual({ active: 0, sessions: 0 })
    lb.restore(id)
    expect(new Set(Array.from({ length: 50 }, () => lb.choose()!.id)).size).toBe(2)
    expect(clock.pending).toBe(0)
  })

  it('stops waiting when told', async () => {
    const { lb, clock } = fleet(1)
    const lease = lb.pick()
    const stop = new AbortController()
    const drain = lb.drain('b0', { signal: stop.signal })
    await settle()
    stop.abort(new Error('enough'))
    await expect(drain).rejects.toThrow('enough')
    expect(clock.pending).toBe(0)
    lease.done()
  })
})

describe('replica groups', () => {
  const groups = { api: { minHealthy: 2, minZones: 2 } }
  const member = (i: number) => ({ group: 'api', zone: i < 3 ? 'a' : 'b' })

  it('keep as many healthy ones in as many zones as they need', async () => {
    const { lb } = fleet(4, { groups }, member)
    expect(() => lb.remove('b3')).toThrow(code('REPLICAS_SHORT'))
    lb.remove('b0')
    await expect(lb.drain('b3')).rejects.toThrow(code('REPLICAS_SHORT'))
    await lb.drain('b1')
    expect(() => lb.remove('b2')).toThrow(code('REPLICAS_SHORT'))
    expect(lb.groups()).toEqual([
      { group: 'api', total: 3, healthy: 2, zones: { a: 1, b: 1 }, isShort: false },
    ])
    lb.remove('b2', { force: true })
    expect(lb.groups()[0]).toMatchObject({ healthy: 1, isShort: true })
  })

  it('count only those that are up: one that is down may go, the last that is up may not', async () => {
    const { lb, clock } = fleet(
      3,
      {
        groups: { api: { minHealthy: 2 } },
        healthCheck: { probe: ({ id }) => id !== 'b0', unhealthyThreshold: 1 },
      },
      () => ({ group: 'api' }),
    )
    lb.start()
    await clock.pass(1)
    expect(() => lb.remove('b1')).toThrow(code('REPLICAS_SHORT'))
    lb.remove('b0')
    await lb.close()
  })
})

describe('names', () => {
  it('become one backend an address, and follow when it changes', async () => {
    let addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.2']
    const { lb, clock } = fleet(0, { resolve: async () => addresses })
    const name = await lb.addName({ host: 'api.internal', port: 80, weight: 2, refreshMs: 1_000 })
    expect(lb.backends.map(({ id, host, weight }) => [id, host, weight])).toEqual([
      ['api.internal/10.0.0.1:80', '10.0.0.1', 2],
      ['api.internal/10.0.0.2:80', '10.0.0.2', 2],
    ])
    addresses = ['10.0.0.2', '10.0.0.3']
    await clock.pass(1_500)
    expect(name.backends.map(({ host }) => host)).toEqual(['10.0.0.2', '10.0.0.3'])
    expect(lb.backends.map(({ host }) => host)).toEqual(['10.0.0.2', '10.0.0.3'])
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('keep their backends while the resolver fails or finds nothing, and drain what is gone', async () => {
    let answer: () => Promise<string[]> = async () => ['10.0.0.1', '10.0.0.2']
    const { lb, clock } = fleet(0, { resolve: () => answer() })
    const events = lb.events()
    await lb.addName({ host: 'api', port: 80, refreshMs: 1_000 })
    answer = () => Promise.reject(new Error('SERVFAIL'))
    await clock.pass(3_000)
    answer = async () => []
    await clock.pass(3_000)
    expect(lb.backends).toHaveLength(2)
    const lease = lb.pick({ exclude: [lb.backends[1]!] })
    answer = async () => ['10.0.0.2']
    await clock.pass(1_500)
    expect(lb.backends[0]).toMatchObject({ host: '10.0.0.1', isDraining: true, active: 1 })
    answer = async () => ['10.0.0.1', '10.0.0.2']
    await clock.pass(1_000)
    expect(lb.backends[0]!.isDraining).toBe(false)
    answer = async () => ['10.0.0.2']
    await clock.pass(1_000)
    lease.done()
    await clock.pass(500)
    expect(lb.backends.map(({ host }) => host)).toEqual(['10.0.0.2'])
    await lb.close()
    const seen: string[] = []
    for await (const event of events) seen.push(event.type)
    expect(seen).toContain('resolve-failed')
    expect(seen).toContain('resolved')
  })

  it('without an address are refused', async () => {
    const failing = fleet(0, { resolve: () => Promise.reject(new Error('ENOTFOUND')) }).lb
    await expect(failing.addName({ host: 'nowhere', port: 80 })).rejects.toMatchObject({
      code: 'ERR_AETHER_BACKENDS_NONE',
      cause: { message: 'ENOTFOUND' },
    })
    const wrong = fleet(0).lb.addName({ host: 'h', port: 0 })
    await expect(wrong).rejects.toThrow(code('OPTIONS_INVALID'))
  })

  it('go through the system’s resolver where none is given', async () => {
    const { lb } = fleet(0)
    const name = await lb.addName({ host: 'localhost', port: 80 })
    expect(name.backends.length).toBeGreaterThan(0)
    await lb.close()
  })
})
