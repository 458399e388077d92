import { describe, expect, it } from 'vitest'
import { type AffinityOptions, type Balancer, type LbRequest, seededRandom } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const secret = 'a secret of enough length'

/** What a client sends back of a `Set-Cookie` header. */
function pairOf(setCookie: string | undefined): string {
  return setCookie?.split(';')[0] ?? ''
}

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

  it('is what `choose` goes by as well', () => {
    const { lb } = fleet(5, { affinity })
    const lease = lb.pick(request('s'))
    for (let index = 0; index < 10; index++) expect(lb.choose(request('s'))).toBe(lease.backend)
    lease.done()
  })

  it('leaves the session where it is while its backend is only busy', () => {
    const { lb } = fleet(3, { affinity }, () => ({ maxConnections: 1 }))
    const first = lb.pick(request('s'))
    const second = lb.pick(request('s'))
    expect(second.backend).not.toBe(first.backend)
    first.done()
    second.done()
    for (let index = 0; index < 5; index++) {
      const lease = lb.pick(request('s'))
      expect(lease.backend).toBe(first.backend)
      lease.done()
    }
  })

  it('leaves a backend whose breaker is open', () => {
    const { lb } = fleet(3, { affinity, breaker: { failureThreshold: 1, timeoutMs: 60_000 } })
    const first = lb.pick(request('s'))
    first.done('failed')
    expect(first.backend.breakerState).toBe('open')
    const second = lb.pick(request('s'))
    expect(second.backend).not.toBe(first.backend)
    second.done()
    // And stays where it went.
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

  it('are bounded in memory however long their names are, and have none where the name is empty', () => {
    const { lb } = fleet(5, { affinity: { by: 'session' } })
    const long = 'x'.repeat(10_000)
    const first = lb.pick({ sessionId: `${long}1` })
    for (let index = 0; index < 10; index++)
      expect(lb.pick({ sessionId: `${long}1` }).backend).toBe(first.backend)
    const ids = new Set(Array.from({ length: 40 }, () => lb.pick({ sessionId: '' }).backend.id))
    expect(ids.size).toBeGreaterThan(2)
  })

  it('do not follow a hedge that answered sooner; new ones begin where their answer came from', async () => {
    const { lb, clock } = fleet(3, { affinity: { by: 'session' }, hedge: { initialMs: 50 } })
    const send = async (isSlow: boolean): Promise<string> => {
      const routed = lb.route({ sessionId: 's', idempotent: true }, ({ isHedge }) =>
        isHedge || !isSlow ? 1 : new Promise<number>(() => {}),
      )
      await clock.pass(20)
      // What is placed meanwhile is another session's business.
      lb.pick({ sessionId: `new at ${clock.time}` }).done()
      await clock.pass(40)
      return (await routed).backendId
    }
    // New, and the second attempt was faster: the session begins there.
    const home = await send(true)
    expect(await send(false)).toBe(home)
    // Known, and the second attempt was faster: it stays.
    expect(await send(true)).not.toBe(home)
    expect(await send(false)).toBe(home)
  })

  it('move with a retry, since their backend has failed', async () => {
    const { lb, clock } = fleet(3, { affinity: { by: 'session' } })
    const send = async (fails: boolean): Promise<string> => {
      const routed = lb.route({ sessionId: 's', idempotent: true }, ({ number }) => {
        if (fails && number === 1) throw new Error('down')
        return 1
      })
      await clock.pass(100)
      return (await routed).backendId
    }
    const home = await send(false)
    const next = await send(true)
    expect(next).not.toBe(home)
    expect(await send(false)).toBe(next)
  })

  it('count as one that asks while it waits', async () => {
    const { lb, clock } = fleet(1, { affinity: { by: 'session', ttlMs: 1_000 } }, () => ({
      maxConnections: 1,
    }))
    lb.start()
    const held = lb.pick({ sessionId: 's' })
    await clock.pass(900)
    void lb.route({ sessionId: 's' }, () => 1)
    await clock.pass(900)
    expect(lb.getLoadDistribution().backends['b0']!.sessions).toBe(1)
    held.done()
    await settle()
    await lb.close()
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
      /^aether_lb=[\w-]{43}; Max-Age=60; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    const cookie = `theme=dark; ${first.setCookie!.split(';')[0]}; other=1`
    for (let index = 0; index < 10; index++) {
      const next = await lb.route({ cookie }, () => 1)
      expect(next.backendId).toBe(first.backendId)
      expect(next.setCookie).toBeUndefined()
    }
  })

  it('is understood by another balancer with the same secret and backends', () => {
    const lease = fleet(5, { affinity }).lb.pick()
    for (let index = 0; index < 10; index++) {
      const other = fleet(5, { affinity, random: seededRandom(index) }).lb.pick({
        cookie: pairOf(lease.setCookie),
      })
      expect(other.backend.id).toBe(lease.backend.id)
      expect(other.setCookie).toBeUndefined()
    }
  })

  it('tells nothing of the backend', () => {
    const { lb } = fleet(1, { affinity }, () => ({ id: 'internal-name' }))
    const value = pairOf(lb.pick().setCookie).slice('aether_lb='.length)
    expect(Buffer.from(value, 'base64url').toString('latin1')).not.toContain('internal')
    expect(value).not.toContain('internal')
  })

  it('that was changed, or signed by another, is as good as none', () => {
    const { lb } = fleet(5, { affinity })
    const foreign = fleet(5, { affinity: { ...affinity, secret: 'another secret of length' } }).lb
    const first = lb.pick()
    first.done()
    const good = first.setCookie!.split(';')[0]!
    const ids = new Set<string>()
    const value = good.slice('aether_lb='.length)
    const bad = [
      foreign.pick().setCookie!.split(';')[0]!,
      `aether_lb=${value.slice(0, -1)}`,
      `aether_lb=${value}A`,
      `aether_lb=${value.toLowerCase()}`,
      `aether_lb="${value}"`,
      `aether_lbx=${value}`,
      'aether_lb=',
      'aether_lb',
      'aether_lb=b0',
      '=;;==;',
      '__proto__=x; constructor=y',
    ]
    for (let index = 0; index < 60; index++) {
      const lease = lb.pick({ cookie: bad[index % bad.length]! })
      expect(lease.setCookie).toBeDefined()
      ids.add(lease.backend.id)
      lease.done()
    }
    expect(ids.size).toBe(5)
  })

  it('of a backend that was removed is as good as none, also once one of that id is back elsewhere', () => {
    const { lb } = fleet(3, { affinity })
    const first = lb.pick()
    first.done()
    const cookie = pairOf(first.setCookie)
    lb.remove(first.backend.id)
    const second = lb.pick({ cookie })
    expect(second.backend.id).not.toBe(first.backend.id)
    expect(second.setCookie).toBeDefined()
    const back = lb.add({ id: first.backend.id, host: 'elsewhere', port: 1 })
    expect(lb.pick({ cookie }).backend).toBe(back)
  })

  it('counts once: of several of its name the first does', () => {
    const { lb } = fleet(2, { affinity })
    const [one, other] = ['b0', 'b1'].map((id) => {
      let lease = lb.pick()
      while (lease.backend.id !== id) lease = lb.pick()
      return pairOf(lease.setCookie)
    })
    for (let index = 0; index < 10; index++) {
      expect(lb.pick({ cookie: `${one}; ${other}` }).backend.id).toBe('b0')
      expect(lb.pick({ cookie: `a=b;${other};${one}` }).backend.id).toBe('b1')
    }
  })

  it('of an older secret is taken, and given anew with the present one, until that secret is dropped', () => {
    const withSecret = (value: string | string[]): Balancer =>
      fleet(5, { affinity: { ...affinity, secret: value } }).lb
    const [older, newer] = ['the older secret of two', 'the newer secret of two']
    const first = withSecret(older).pick()
    const cookie = pairOf(first.setCookie)
    const between = withSecret([newer, older])
    const second = between.pick({ cookie })
    expect(second.backend.id).toBe(first.backend.id)
    expect(second.setCookie).toBeDefined()
    const renewed = pairOf(second.setCookie)
    expect(between.pick({ cookie: renewed })).toMatchObject({
      setCookie: undefined,
      backend: { id: first.backend.id },
    })
    const after = withSecret(newer)
    expect(after.pick({ cookie: renewed }).backend.id).toBe(first.backend.id)
    expect(after.pick({ cookie }).setCookie).toBeDefined()
  })

  it.each<AffinityOptions>([
    { by: 'cookie' },
    { by: 'cookie', secret: 'short' },
    { by: 'cookie', secret: [] },
    { by: 'cookie', secret: [secret, 'short'] },
    { by: 'cookie', secret: 1_234_567_890_123_456 as unknown as string },
    { by: 'cookie', secret, cookieName: 'a b' },
    { by: 'header' },
    { by: 'session', ttlMs: 0 },
    { by: 'session', maxSessions: 1e9 },
    { by: 'nothing' as 'session' },
  ])('refuses %j', (options) => {
    const make = (): unknown => fleet(1, { affinity: options })
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error)
    // Secrets stay out of messages.
    expect(make).not.toThrow(/short|123456/)
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
