import { describe, expect, it } from 'vitest'
import type { LbRequest } from '../../src/index.ts'
import { AdmissionQueue, checkQueue, type Waiting } from '../../src/requests/admission-queue.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const code = (name: string) => expect.objectContaining({ code: `ERR_AETHER_${name}` }) as Error

/** One slot, held until told; what is routed meanwhile waits. */
function single(options = {}) {
  const { lb, clock } = fleet(1, options, () => ({ maxConnections: 1 }))
  const order: string[] = []
  const refused: Record<string, string> = {}
  const held = lb.pick()
  const send = (id: string, request: LbRequest = {}, serviceMs = 1): void => {
    const routed = lb.route({ id, ...request }, async () => {
      order.push(id)
      await new Promise<void>((resolve) => clock.setTimer(resolve, serviceMs))
    })
    routed.catch((error: { code: string }) => (refused[id] = error.code))
  }
  return { lb, clock, order, refused, held, send }
}

describe('the queue', () => {
  it('serves in order, the higher priority first', async () => {
    const { order, held, send, clock } = single()
    send('a')
    send('b', { priority: 1 })
    send('c')
    send('d', { priority: 7 })
    held.done()
    await clock.pass(10)
    expect(order).toEqual(['d', 'b', 'a', 'c'])
  })

  it('is bounded: the newest of the least important makes room for what is more important, otherwise the newcomer is refused', async () => {
    const { lb, order, refused, held, send, clock } = single({ queue: { limit: 2 } })
    send('a')
    send('b')
    send('c')
    await settle()
    expect(refused).toEqual({ c: 'ERR_AETHER_QUEUE_FULL' })
    send('d', { priority: 3 })
    await settle()
    expect(refused).toEqual({ c: 'ERR_AETHER_QUEUE_FULL', b: 'ERR_AETHER_QUEUE_FULL' })
    expect(lb.getLoadDistribution()).toMatchObject({ queued: 2, shed: 2 })
    held.done()
    await clock.pass(10)
    expect(order).toEqual(['d', 'a'])
  })

  it('can be turned off', async () => {
    const { lb } = single({ queue: { limit: 0 } })
    await expect(lb.route({}, () => 1)).rejects.toThrow(code('QUEUE_FULL'))
  })

  it('lets nobody wait past their deadline, or after they left', async () => {
    const { lb, refused, send, clock, held } = single()
    const stop = new AbortController()
    send('late', { timeoutMs: 100 })
    send('gone', { signal: stop.signal })
    await settle()
    expect(lb.getLoadDistribution().queued).toBe(2)
    stop.abort()
    await clock.pass(110)
    expect(refused['late']).toBe('ERR_AETHER_DEADLINE_EXCEEDED')
    expect(lb.getLoadDistribution().queued).toBe(0)
    held.done()
  })

  it('serves whoever fits the free slot, not only the first', async () => {
    const { lb, clock } = fleet(2, {}, (i) => ({ maxConnections: 1, capabilities: i === 0 ? ['gpu'] : [] }))
    const [first, second] = [lb.pick({ requires: ['gpu'] }), lb.pick()]
    const done: string[] = []
    const send = (id: string, request: LbRequest): void => {
      void lb.route(request, () => done.push(id))
    }
    send('needs gpu', { requires: ['gpu'] })
    send('any', {})
    second.done()
    await clock.pass(1)
    expect(done).toEqual(['any'])
    first.done()
    await clock.pass(1)
    expect(done).toEqual(['any', 'needs gpu'])
  })

  it('is not held up by those who need what is not free, however many they are', async () => {
    const { lb, clock } = fleet(3, {}, (i) => ({ maxConnections: 1, capabilities: i === 0 ? ['gpu'] : [] }))
    const stalled = lb.pick({ requires: ['gpu'] })
    const others = [lb.pick(), lb.pick()]
    const done: string[] = []
    const send = (id: string, request: LbRequest = {}): void => {
      void lb.route(request, () => done.push(id)).catch(() => {})
    }
    for (let index = 0; index < 100; index++) send(`gpu ${index}`, { requires: ['gpu'] })
    send('queued')
    for (const lease of others) lease.done()
    await clock.pass(1)
    expect(done).toEqual(['queued'])
    // Whoever comes now finds a free slot that nobody waits for.
    send('new')
    expect(done).toEqual(['queued', 'new'])
    stalled.done()
    await clock.pass(1)
    expect(done).toHaveLength(102)
  })

  it('serves as many at once as slots became free at once', async () => {
    const { lb, clock, order, send, held } = single()
    for (const id of ['a', 'b', 'c', 'd']) send(id, {}, 1_000)
    await settle()
    lb.update('b0', { maxConnections: 3 })
    await settle()
    expect(order).toEqual(['a', 'b'])
    lb.update('b0', { maxConnections: 5 })
    await settle()
    expect(order).toEqual(['a', 'b', 'c', 'd'])
    held.done()
    await clock.pass(2_000)
  })

  it('lets those who waited go before whoever comes in the moment in which a backend does', async () => {
    const { lb, order, send, held } = single()
    send('first')
    await settle()
    lb.add({ id: 'new', host: 'h', port: 2, maxConnections: 1 })
    send('second')
    await settle()
    expect(order).toEqual(['first'])
    held.done()
    await settle()
    expect(order).toEqual(['first', 'second'])
  })

  it('lets those who waited go before whoever picks in the moment in which a backend comes', async () => {
    const { lb, order, send, held } = single()
    send('first')
    lb.add({ id: 'new', host: 'h', port: 2, maxConnections: 1 })
    expect(() => lb.pick()).toThrow(expect.objectContaining({ code: 'ERR_AETHER_QUEUE_FULL' }) as Error)
    await settle()
    expect(order).toEqual(['first'])
    held.done()
  })

  it('is left by one who is aborted, from anywhere in it', async () => {
    const { lb, order, refused, held, send, clock } = single()
    const stops = Array.from({ length: 5 }, () => new AbortController())
    for (const [index, { signal }] of stops.entries()) send(`r${index}`, { signal })
    for (const index of [2, 0, 4]) stops[index]!.abort()
    await settle()
    expect(lb.getLoadDistribution()).toMatchObject({ queued: 2, shed: 0 })
    held.done()
    await clock.pass(10)
    expect(order).toEqual(['r1', 'r3'])
    expect(Object.keys(refused)).toEqual(['r2', 'r0', 'r4'])
  })

  it('says to whom it was full, and what to do', async () => {
    const { lb } = single({ queue: { limit: 1 } })
    void lb.route({}, () => 1).catch(() => {})
    await expect(lb.route({ id: 'r7' }, () => 1)).rejects.toMatchObject({
      code: 'ERR_AETHER_QUEUE_FULL',
      message:
        'request r7 is refused: no slot is free, and 1 wait already; add backends, or raise maxConnections',
      retryable: true,
      detail: { reason: 'full', queued: 1, active: 1 },
    })
  })

  it.each([
    { limit: -1 },
    { limit: 1.5 },
    { targetMs: 0 },
    { intervalMs: Number.NaN },
    { size: 5 } as object,
  ])('refuses the options %j', (queue) => expect(() => fleet(1, { queue })).toThrow(code('OPTIONS_INVALID')))

  it('goes on when a backend is added, and when one comes back', async () => {
    const { lb, order, send, held, clock } = single()
    send('a')
    await settle()
    lb.add({ id: 'new', host: 'h', port: 2 })
    await clock.pass(1)
    expect(order).toEqual(['a'])
    held.done()
  })

  it('refuses those who wait when nobody is left to serve them', async () => {
    const { lb, refused, send, held } = single()
    send('a')
    await settle()
    lb.remove('b0')
    await settle()
    expect(refused).toEqual({ a: 'ERR_AETHER_BACKENDS_NONE' })
    held.done()
  })
})

describe('the order', () => {
  const waiting = (id: string, queuePriority = 0): Waiting & { id: string; shedAs?: string } => ({
    id,
    request: {},
    hasTried: false,
    queuePriority,
    queuedAt: 0,
    isQueued: false,
    queueOlder: undefined,
    queueNewer: undefined,
    takeTurn: () => 'taken',
    shed(reason) {
      this.shedAs = reason
    },
  })
  const nextOf = (queue: AdmissionQueue, now: number): unknown => (queue.next(now) as { id?: string }).id

  it('is that of arrival, turns once a queue has stood for an interval, and turns back once nobody waits', () => {
    const queue = new AdmissionQueue(checkQueue({ targetMs: 5, intervalMs: 100 }))
    const entries = Array.from({ length: 30 }, (_, index) => waiting(`w${index}`))
    // One comes each 10 ms, and one of two is served: waits rise above the target, and stay there.
    for (const [index, entry] of entries.entries()) {
      queue.push(entry, index * 10)
      if (index % 2 === 1) queue.remove(queue.next(index * 10)!)
    }
    expect(queue.isOverloaded).toBe(true)
    // The last one was served as soon as it came.
    expect(nextOf(queue, 300)).toBe('w28')
    // Twice the target is too long; the newest of all is served in any case.
    expect(entries.filter(({ shedAs }) => shedAs === 'overload').length).toBeGreaterThan(3)
    expect(entries[28]!.shedAs).toBeUndefined()
    for (const entry of entries) queue.remove(entry)
    expect(queue.size).toBe(0)
    for (const id of ['a', 'b']) queue.push(waiting(id), 400)
    expect(nextOf(queue, 420)).toBe('a')
  })

  it('goes by priority first, also when it has turned', () => {
    const queue = new AdmissionQueue(checkQueue({}))
    for (const [index, id] of ['low', 'high', 'low too', 'high too'].entries())
      queue.push(waiting(id, index % 2), index)
    const order = (now: number): string[] => {
      const ids: string[] = []
      for (let each = queue.next(now); each !== undefined; each = queue.following(each))
        ids.push((each as unknown as { id: string }).id)
      return ids
    }
    expect(order(4)).toEqual(['high', 'high too', 'low', 'low too'])
    queue.isOverloaded = true
    expect(order(4)).toEqual(['high too', 'high', 'low too', 'low'])
  })
})

describe('CoDel', () => {
  it('keeps waiting short when twice as much comes as can be served, and serves as much as without', async () => {
    const { lb, clock } = fleet(1, {}, () => ({ maxConnections: 1 }))
    const waits: number[] = []
    let served = 0
    let shed = 0
    // 10 ms each, one every 5 ms, for 20 s.
    for (let index = 0; index < 4_000; index++) {
      const sentAt = clock.time
      lb.route({}, async () => {
        waits.push(clock.time - sentAt)
        await new Promise<void>((resolve) => clock.setTimer(resolve, 10))
        served++
      }).catch(() => shed++)
      await clock.pass(5)
    }
    await clock.pass(1_000)
    const late = waits.slice(-500).toSorted((a, b) => a - b)
    // Without control the last ones would wait 10 s.
    expect(late[Math.floor(late.length * 0.95)]).toBeLessThanOrEqual(30)
    expect(served).toBeGreaterThan(1_900)
    expect(shed).toBeGreaterThan(1_500)
    expect(served + shed).toBe(4_000)
  })

  it('begins anew once nobody waits: a wait of long ago makes no queue stand', async () => {
    const { lb, clock } = fleet(1, {}, () => ({ maxConnections: 1 }))
    const order: string[] = []
    const send = (id: string): void => {
      void lb
        .route({}, async () => {
          order.push(id)
          await new Promise<void>((resolve) => clock.setTimer(resolve, 8))
        })
        .catch(() => order.push(`${id} refused`))
    }
    for (const id of ['a', 'b']) send(id)
    await clock.pass(1_000)
    // These wait longer than they should as well, but not for long enough: first come, first served.
    for (const id of ['c', 'd', 'e', 'f']) send(id)
    await clock.pass(1_000)
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  it('serves the newest first once a queue stands, and tells the others how long they waited', async () => {
    const { lb, clock } = fleet(1, {}, () => ({ maxConnections: 1 }))
    const order: number[] = []
    const refusals: { detail?: Record<string, unknown> }[] = []
    const send = (id: number): void => {
      lb.route({}, async () => {
        order.push(id)
        await new Promise<void>((resolve) => clock.setTimer(resolve, 10))
      }).catch((error: object) => refusals.push(error))
    }
    for (let id = 0; id < 400; id++) {
      send(id)
      await clock.pass(5)
    }
    // In order at first, then with gaps, and never far behind.
    expect(order.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
    expect(order.at(-1)).toBeGreaterThan(395)
    const overloaded = refusals.filter(({ detail }) => detail?.['reason'] === 'overload')
    expect(overloaded.length).toBeGreaterThan(100)
    for (const { detail } of overloaded) expect(detail?.['waitedMs']).toBeGreaterThan(10)
    await clock.pass(1_000)
  })

  it('lets a burst wait that ends in time', async () => {
    const { lb, clock } = fleet(1, {}, () => ({ maxConnections: 1 }))
    let served = 0
    for (let index = 0; index < 20; index++)
      void lb.route({}, async () => {
        await new Promise<void>((resolve) => clock.setTimer(resolve, 4))
        served++
      })
    await clock.pass(100)
    expect(served).toBe(20)
  })
})

describe('adaptive concurrency', () => {
  it('finds what a backend can do, and comes down when it slows', async () => {
    const { lb, clock } = fleet(1, { concurrency: { min: 5, max: 100, initial: 20 }, queue: { limit: 0 } })
    let slow = 1
    let active = 0
    const limits: number[] = []
    for (let index = 0; index < 6_000; index++) {
      for (let each = 0; each < 3; each++)
        lb.route({}, async () => {
          active++
          // Up to 30 at a time it takes 20 ms; beyond that it soon takes much longer.
          const ms = 20 * slow * Math.max(1, active / 30) ** 3
          await new Promise<void>((resolve) => clock.setTimer(resolve, ms))
          active--
        }).catch(() => {})
      await clock.pass(1)
      limits.push(lb.getLoadDistribution().concurrencyLimit!)
      if (index === 3_000) slow = 5
    }
    expect(limits[2_900]).toBeGreaterThan(25)
    expect(limits[2_900]).toBeLessThan(75)
    expect(Math.min(...limits.slice(3_000))).toBeLessThan(limits[2_900]! * 0.75)
    expect(Math.min(...limits)).toBeGreaterThanOrEqual(5)
  })

  it('lets as many more in as the limit rises by, when it does', async () => {
    const { lb, clock } = fleet(1, { concurrency: {} })
    const ends: (() => void)[] = []
    for (let n = 0; n < 300; n++)
      void lb.route({}, () => new Promise<void>((resolve) => ends.push(resolve))).catch(() => {})
    for (let n = 0; n < 200; n++) {
      clock.advance(1)
      ends[n]!()
      await settle()
      const { active, concurrencyLimit } = lb.getLoadDistribution()
      expect(active).toBe(concurrencyLimit)
    }
    expect(lb.getLoadDistribution().concurrencyLimit).toBeGreaterThan(24)
    await lb.close({ signal: AbortSignal.abort() })
  })

  it('holds everyone beyond the limit back', () => {
    const { lb } = fleet(1, { concurrency: { min: 2, max: 4 } })
    const leases = [lb.pick(), lb.pick()]
    expect(() => lb.pick({ id: 'r' })).toThrow(
      'request r is refused: 2 requests at a time are what the backends bear now',
    )
    for (const lease of leases) lease.done()
    expect(lb.pick().isDone).toBe(false)
  })
})
