import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Backend, BackendChange, ReplicaGroup } from '../../src/index.ts'
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

  it('lets sticky sessions finish, takes no new ones, and ends with the last of them', async () => {
    const { lb, clock } = fleet(2, { affinity: { by: 'session', ttlMs: 1_000 }, drainTimeoutMs: 60_000 })
    const first = lb.pick({ sessionId: 's' })
    first.done()
    const { id } = first.backend
    for (let n = 0; n < 9; n++) lb.pick({ sessionId: `other ${n}` }).done()
    let drained: unknown
    void lb.drain(id).then((result) => (drained = result))
    for (let n = 0; n < 5; n++) {
      const lease = lb.pick({ sessionId: 's' })
      expect(lease.backend.id).toBe(id)
      lease.done()
      const fresh = lb.pick({ sessionId: `new ${n}` })
      expect(fresh.backend.id).not.toBe(id)
      fresh.done()
      await clock.pass(900)
    }
    expect(drained).toBeUndefined()
    await clock.pass(200)
    expect(drained).toEqual({ active: 0, sessions: 0 })
  })

  it('takes all of its time where sessions are by cookie, since nobody can tell when they end', async () => {
    const secret = 'a secret of enough length'
    const { lb, clock } = fleet(2, { affinity: { by: 'cookie', secret }, drainTimeoutMs: 5_000 })
    let isDrained = false
    void lb.drain('b0').then(() => (isDrained = true))
    await clock.pass(4_900)
    expect(isDrained).toBe(false)
    await clock.pass(100)
    expect(isDrained).toBe(true)
  })

  it('ends at once for all who wait when the backend is taken back', async () => {
    const { lb, clock } = fleet(2)
    const events = lb.events()
    const lease = lb.pick({ exclude: [lb.backends[1]!] })
    const waits = [lb.drain('b0'), lb.drain('b0', { timeoutMs: 500 })]
    await settle()
    lb.restore('b0')
    expect(await Promise.all(waits)).toEqual([
      { active: 1, sessions: 0 },
      { active: 1, sessions: 0 },
    ])
    expect(clock.pending).toBe(0)
    expect(lb.choose({ exclude: [lb.backends[1]!] })).toBeDefined()
    lease.done()
    await lb.close()
    const seen: string[] = []
    for await (const { type } of events) seen.push(type)
    expect(seen.filter((type) => type === 'draining')).toHaveLength(1)
    expect(seen).not.toContain('drained')
  })

  it.each<[string, (made: ReturnType<typeof fleet>) => unknown]>([
    ['the backend is removed', ({ lb }) => lb.remove('b0')],
    ['the balancer closes', ({ lb }) => void lb.close({ signal: AbortSignal.abort() })],
  ])('ends at once when %s, and leaves no timer', async (_, end) => {
    const made = fleet(2)
    const lease = made.lb.pick({ exclude: [made.lb.backends[1]!] })
    const drain = made.lb.drain('b0')
    await settle()
    expect(made.clock.pending).toBe(1)
    end(made)
    expect(await drain).toEqual({ active: 1, sessions: 0 })
    await settle()
    expect(made.clock.pending).toBe(0)
    expect(lease.isDone).toBe(false)
    lease.done()
  })

  it('may have several who wait, each with a time of its own', async () => {
    const { lb, clock } = fleet(2)
    const lease = lb.pick({ exclude: [lb.backends[1]!] })
    const ended: string[] = []
    void lb.drain('b0', { timeoutMs: 300 }).then(() => ended.push('short'))
    void lb.drain('b0', { timeoutMs: 2_000 }).then(() => ended.push('long'))
    await clock.pass(400)
    expect(ended).toEqual(['short'])
    lease.done()
    await clock.pass(100)
    expect(ended).toEqual(['short', 'long'])
  })

  it('does not begin with a signal that is aborted already, or a time that is none', async () => {
    const { lb } = fleet(1)
    await expect(lb.drain('b0', { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no')
    for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number])
      await expect(lb.drain('b0', { timeoutMs })).rejects.toThrow(code('OPTIONS_INVALID'))
    await expect(lb.drain('nobody')).rejects.toThrow(code('BACKEND_UNKNOWN'))
    expect(lb.backends[0]!.isDraining).toBe(false)
    expect(() => lb.restore('nobody')).toThrow(code('BACKEND_UNKNOWN'))
  })

  it('stops waiting when told', async () => {
    const { lb, clock } = fleet(1)
    const lease = lb.pick()
    const stop = new AbortController()
    const drain = lb.drain('b0', { signal: stop.signal })
    await clock.pass(1_050)
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1)
    stop.abort(new Error('enough'))
    await expect(drain).rejects.toThrow('enough')
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
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

  it('let one of two who want to leave at once, and not the other', async () => {
    const { lb } = fleet(3, { groups: { api: { minHealthy: 2 } } }, () => ({ group: 'api' }))
    const drains = await Promise.allSettled([lb.drain('b0'), lb.drain('b1'), lb.drain('b0')])
    expect(drains.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(lb.backends.map(({ isDraining }) => isDraining)).toEqual([true, false, false])
    lb.restore('b0')
    await lb.drain('b1')
    lb.remove('b1')
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
  })

  it('do not rely on one that nobody has looked at yet, or that is on probation', async () => {
    let isNewUp = false
    const { lb, clock } = fleet(
      2,
      {
        groups: { api: { minHealthy: 2 } },
        healthCheck: { probe: ({ id }) => id !== 'new' || isNewUp, healthyThreshold: 1, jitter: 0 },
        breaker: { failureThreshold: 1, timeoutMs: 1_000 },
      },
      () => ({ group: 'api' }),
    )
    expect(lb.groups()[0]).toMatchObject({ healthy: 2, isShort: false })
    lb.start()
    expect(lb.groups()[0]).toMatchObject({ healthy: 0, isShort: true })
    await clock.pass(1)
    lb.add({ id: 'new', host: 'h', port: 1, group: 'api' })
    expect(lb.groups()[0]).toMatchObject({ total: 3, healthy: 2 })
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
    await clock.pass(20_000)
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
    isNewUp = true
    await clock.pass(5_000)
    lb.pick({ exclude: lb.backends.slice(0, 2) }).done('failed')
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
    clock.advance(1_000)
    expect(lb.backends[2]!.breakerState).toBe('half-open')
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
    for (let n = 0; n < 2; n++) lb.pick({ exclude: lb.backends.slice(0, 2) }).done('ok')
    lb.remove('b0')
    await lb.close()
  })

  it('are those that there are: one by another name would be guarded by nobody', () => {
    const { lb } = fleet(1, { groups })
    expect(() => lb.add({ host: 'h', port: 1, group: 'apii' })).toThrow(code('OPTIONS_INVALID'))
    expect(() => lb.update('b0', { group: 'apii' })).toThrow('there is no group "apii": there are api')
    expect(lb.update('b0', { group: 'api' }).group).toBe('api')
    expect(fleet(0).lb.add({ host: 'h', port: 1, group: 'any' }).group).toBe('any')
  })

  it('have zones by any name', () => {
    const names = ['__proto__', 'constructor', 'b']
    const { lb } = fleet(3, { groups: { api: { minZones: 3 } } }, (i) => ({ group: 'api', zone: names[i]! }))
    expect(lb.groups()[0]!.isShort).toBe(false)
    expect(Object.entries(lb.groups()[0]!.zones)).toEqual(names.map((name) => [name, 1]))
    expect(() => lb.remove('b0')).toThrow(code('REPLICAS_SHORT'))
  })

  it.each([
    { api: { minHealthy: -1 } },
    { api: { minZones: 1.5 } },
    { api: { healthy: 1 } },
    { api: 2 },
    [{ minHealthy: 1 }],
  ])('are refused where they make no sense: %j', (wrong) => {
    expect(() => fleet(0, { groups: wrong as unknown as Record<string, ReplicaGroup> })).toThrow(
      code('OPTIONS_INVALID'),
    )
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
