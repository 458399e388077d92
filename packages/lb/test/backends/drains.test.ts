import { getEventListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error

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

  it('of many may be given up by one signal: nobody is told of a leak that is none', async () => {
    const warned = vi.fn<(warning: Error) => void>()
    process.on('warning', warned)
    const { lb } = fleet(20)
    const stop = new AbortController()
    for (const { id } of lb.backends) lb.pick({ exclude: lb.backends.filter((each) => each.id !== id) })
    const drains = lb.backends.map(({ id }) => lb.drain(id, { signal: stop.signal }))
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warned)
    expect(warned).not.toHaveBeenCalled()
    stop.abort(new Error('not now'))
    const ends = await Promise.allSettled(drains)
    expect(ends.map(({ status }) => status)).toEqual(drains.map(() => 'rejected'))
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

  it('lets sticky sessions go elsewhere once their backend is down', async () => {
    let isUp = true
    const { lb, clock } = fleet(2, {
      affinity: { by: 'session' },
      healthCheck: { probe: ({ id }) => isUp || id !== 'b0', unhealthyThreshold: 1 },
    })
    const where = (): string => {
      const lease = lb.pick({ sessionId: 's', exclude: isUp ? [lb.backends[1]!] : [] })
      lease.done()
      return lease.backend.id
    }
    lb.start()
    await clock.pass(1)
    expect(where()).toBe('b0')
    void lb.drain('b0')
    expect(where()).toBe('b0')
    isUp = false
    await clock.pass(6_000)
    expect(where()).toBe('b1')
    await lb.close()
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
