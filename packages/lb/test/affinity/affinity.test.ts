import { describe, expect, it } from 'vitest'
import { type AffinityOptions, type LbRequest } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'

const secret = 'a secret of enough length'

describe.each<[AffinityOptions, (session: string) => LbRequest]>([
  [{ by: 'session' }, (sessionId) => ({ sessionId })],
  [{ by: 'header', header: 'X-Session' }, (value) => ({ headers: { 'x-session': value } })],
  [{ by: 'client-ip' }, (clientIp) => ({ clientIp })],
  [{ by: 'hash' }, (key) => ({ key })],
])('affinity %j', (affinity, request) => {
  it('leads a session to its backend, whatever the load there', () => {
    const { lb } = fleet(5, { affinity })
    const leases = Array.from({ length: 50 }, (_, index) => lb.pick(request(`s${index % 10}`)))
    for (const [index, lease] of leases.entries()) expect(lease.backend).toBe(leases[index % 10]!.backend)
    expect(new Set(leases.map((lease) => lease.backend.id)).size).toBeGreaterThan(2)
    for (const lease of leases) lease.done()
  })

  it('lets it go on elsewhere when that one is gone, and stay there', () => {
    const { lb } = fleet(5, { affinity })
    const first = lb.pick(request('s'))
    first.done()
    lb.remove(first.backend.id)
    const second = lb.pick(request('s'))
    second.done()
    expect(second.backend).not.toBe(first.backend)
    for (let index = 0; index < 10; index++) {
      const lease = lb.pick(request('s'))
      expect(lease.backend).toBe(second.backend)
      lease.done()
    }
  })

  it('does nothing for requests that have none', () => {
    const { lb } = fleet(5, { affinity })
    const ids = new Set(Array.from({ length: 50 }, () => lb.choose()!.id))
    expect(ids.size).toBe(5)
  })
})

describe('remembered sessions', () => {
  it('are forgotten when they were silent long enough, without being asked for', () => {
    const { lb, clock } = fleet(3, { affinity: { by: 'session', ttlMs: 10_000 } })
    lb.start()
    for (let index = 0; index < 100; index++) lb.pick({ sessionId: `s${index}` }).done()
    const sessions = (): number =>
      Object.values(lb.getLoadDistribution().backends).reduce((sum, each) => sum + each.sessions, 0)
    expect(sessions()).toBe(100)
    clock.advance(9_000)
    lb.pick({ sessionId: 's7' }).done()
    clock.advance(2_500)
    expect(sessions()).toBe(1)
    clock.advance(10_000)
    expect(sessions()).toBe(0)
  })

  it('are no more than they may be', () => {
    const { lb } = fleet(3, { affinity: { by: 'session', maxSessions: 10 } })
    for (let index = 0; index < 1_000; index++) lb.pick({ sessionId: `s${index}` }).done()
    const { backends } = lb.getLoadDistribution()
    expect(Object.values(backends).reduce((sum, each) => sum + each.sessions, 0)).toBe(10)
  })

  it('leave a backend that is down', async () => {
    let isDown = false
    const { lb, clock } = fleet(3, {
      affinity: { by: 'session' },
      healthCheck: { probe: ({ id }) => !(isDown && id === home), unhealthyThreshold: 1 },
    })
    const lease = lb.pick({ sessionId: 's' })
    const home = lease.backend.id
    lease.done()
    lb.start()
    isDown = true
    await clock.pass(6_000)
    const next = lb.pick({ sessionId: 's' })
    expect(next.backend.id).not.toBe(home)
    next.done()
    await lb.close()
  })
})

describe('the cookie', () => {
  const affinity: AffinityOptions = { by: 'cookie', secret, ttlMs: 60_000 }

  it('names the backend, is signed, and given only to who has none', async () => {
    const { lb } = fleet(5, { affinity })
    const first = await lb.route({}, () => 1)
    expect(first.setCookie).toMatch(
      /^aether_lb=[\w-]+\.[\w-]{43}; Max-Age=60; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
    )
    const cookie = `theme=dark; ${first.setCookie!.split(';')[0]}; other=1`
    for (let index = 0; index < 10; index++) {
      const next = await lb.route({ cookie }, () => 1)
      expect(next.backendId).toBe(first.backendId)
      expect(next.setCookie).toBeUndefined()
    }
  })

  it('is understood by another balancer with the same secret and backends', () => {
    const cookie = fleet(5, { affinity }).lb.pick().setCookie!.split(';')[0]!
    const id = Buffer.from(cookie.slice(cookie.indexOf('=') + 1).split('.')[0]!, 'base64url').toString()
    expect(fleet(5, { affinity }).lb.pick({ cookie }).backend.id).toBe(id)
  })

  it('that was changed, or signed by another, is as good as none', () => {
    const { lb } = fleet(5, { affinity })
    const foreign = fleet(5, { affinity: { ...affinity, secret: 'another secret of length' } }).lb
    const first = lb.pick()
    first.done()
    const good = first.setCookie!.split(';')[0]!
    const ids = new Set<string>()
    const bad = [
      foreign.pick().setCookie!.split(';')[0]!,
      `${good.slice(0, -1)}_`,
      'aether_lb=',
      'aether_lb=b0',
    ]
    for (let index = 0; index < 60; index++) {
      const lease = lb.pick({ cookie: bad[index % bad.length]! })
      expect(lease.setCookie).toBeDefined()
      ids.add(lease.backend.id)
      lease.done()
    }
    expect(ids.size).toBe(5)
  })

  it.each<AffinityOptions>([
    { by: 'cookie' },
    { by: 'cookie', secret: 'short' },
    { by: 'cookie', secret, cookieName: 'a b' },
    { by: 'header' },
    { by: 'session', ttlMs: 0 },
    { by: 'nothing' as 'session' },
  ])('refuses %j', (options) => {
    expect(() => fleet(1, { affinity: options })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})

describe('draining', () => {
  it('lets sticky sessions finish, takes no new ones, and resolves once they have', async () => {
    const { lb, clock } = fleet(2, { affinity: { by: 'session', ttlMs: 5_000 } })
    const lease = lb.pick({ sessionId: 'old' })
    const { id } = lease.backend
    lease.done()
    let drained: unknown
    void lb.drain(id).then((result) => (drained = result))
    for (let index = 0; index < 20; index++) {
      const fresh = lb.pick({ sessionId: `new-${index}` })
      expect(fresh.backend.id).not.toBe(id)
      fresh.done()
    }
    await clock.pass(4_000)
    const again = lb.pick({ sessionId: 'old' })
    expect(again.backend.id).toBe(id)
    again.done()
    await clock.pass(4_000)
    expect(drained).toBeUndefined()
    await clock.pass(2_000)
    expect(drained).toEqual({ active: 0, sessions: 0 })
  })
})
