import { describe, expect, test } from 'vitest'

import { createEngine, EngineError } from '../src/index.ts'
import { harness, route } from './engine-harness.ts'

const ended = (attempt: number, workgroup = 'workers'): object => ({
  tid: 't1',
  route,
  workgroup,
  attempt,
  result: undefined,
  reason: undefined,
  lastError: undefined,
  cancelReason: undefined,
})

describe('send, deliver, ack', () => {
  test('a task goes to a free worker and its completion to its watcher', () => {
    const h = harness()
    h.consume()
    expect(h.send('t1', { watcher: 'w' })).toBe('accepted')
    const { tid, attempt, body, owner, remainingMs } = h.last()
    expect({ tid, attempt, body, owner, remainingMs }).toEqual({
      tid: 't1',
      attempt: 1,
      body: 'body of t1',
      owner: 'a',
      remainingMs: 0,
    })
    expect(h.engine.lease(h.last().id)).toBe(h.last())
    expect(h.engine.ack(h.last().id, 'a', 'succeed', 'done')).toBe('ok')
    const settlement = { ...ended(1), outcome: 'succeed', result: 'done' }
    expect(h.of('settled')).toEqual([{ kind: 'settled', watcher: 'w', settlement }])
    expect(h.of('completed')).toEqual([{ kind: 'completed', route, workgroup: 'workers', settlement }])
    expect(h.engine.stats()).toMatchObject({
      accepted: 1,
      succeeded: 1,
      open: 0,
      leased: 0,
      queued: 0,
      results: 1,
      bytes: 0,
    })
    expect(h.engine.lease(h.last().id)).toBeUndefined()
  })

  test('a task waits for a worker, and is refused at once where it must not', () => {
    const h = harness()
    expect(h.send('t1', { waitForWorkers: false })).toBe('workers-none')
    expect(h.engine.stats()).toMatchObject({ routes: 0, refused: 1, accepted: 0 })
    expect(h.send('t1')).toBe('accepted')
    expect(h.leases()).toHaveLength(0)
    h.consume()
    expect(h.last().tid).toBe('t1')
  })

  test('settling twice, by a stranger or without a lease is refused', () => {
    const h = harness()
    h.consume()
    h.send('t1')
    const { id } = h.last()
    expect(h.engine.ack(id, 'b', 'succeed', 'x')).toBe('lease-lost')
    expect(h.engine.renew(id, 'b')).toBe('lease-lost')
    expect(h.engine.ack(id + 1, 'a', 'succeed', 'x')).toBe('lease-lost')
    expect(h.engine.ack(id, 'a', 'succeed', 'x')).toBe('ok')
    expect(h.engine.ack(id, 'a', 'failed', 'y')).toBe('lease-lost')
    expect(h.engine.release(id, 'a', { delayMs: 0, failed: false })).toBe('lease-lost')
  })

  test('progress goes to the watchers of the named workgroup, under a live lease only', () => {
    const h = harness()
    h.consume()
    h.consume({ workgroup: 'audit' })
    h.send('t1', { watcher: 'w' })
    h.engine.attach(route, 't1', 'v')
    const named = h.leases().find((lease) => lease.workgroup === 'workers')
    const observing = h.leases().find((lease) => lease.workgroup === 'audit')
    expect([...(h.engine.watchers(named?.id ?? 0, 'a') ?? [])]).toEqual(['w', 'v'])
    expect(h.engine.watchers(observing?.id ?? 0, 'a')).toBeUndefined()
    expect(h.engine.watchers(named?.id ?? 0, 'b')).toBeUndefined()
    h.engine.detach(route, 't1', 'w')
    expect([...(h.engine.watchers(named?.id ?? 0, 'a') ?? [])]).toEqual(['v'])
  })
})

describe('order', () => {
  test('higher priorities first, first in first out within one', () => {
    const h = harness()
    const sent = [
      ['a', 0],
      ['b', 5],
      ['c', 9],
      ['d', 5],
      ['e', 0],
      ['f', 9],
    ] as const
    for (const [tid, priority] of sent) h.send(tid, { priority })
    h.consume({ credit: 6 })
    expect(h.leases().map((lease) => lease.tid)).toEqual(['c', 'f', 'b', 'd', 'a', 'e'])
  })

  test('a returned task goes ahead of its priority, with a new fence', () => {
    const h = harness()
    h.consume()
    h.send('a')
    h.send('b')
    h.engine.release(h.last().id, 'a', { delayMs: 0, failed: false })
    expect(h.leases().map((lease) => [lease.tid, lease.attempt])).toEqual([
      ['a', 1],
      ['a', 2],
    ])
  })

  test('the tasks of an owner that leaves keep their order at the front', () => {
    const h = harness()
    h.consume({ credit: 3 })
    for (const tid of ['a', 'b', 'c', 'd']) h.send(tid)
    h.engine.disconnect('a')
    h.consume({ owner: 'b', credit: 4 })
    expect(
      h
        .leases()
        .slice(3)
        .map((lease) => [lease.tid, lease.attempt]),
    ).toEqual([
      ['a', 2],
      ['b', 2],
      ['c', 2],
      ['d', 1],
    ])
  })

  test('queues that one consumer serves take turns', () => {
    const h = harness()
    for (const tid of ['a1', 'a2', 'a3']) h.send(tid, { route: 'shop/a/t/x' })
    for (const tid of ['b1', 'b2', 'b3']) h.send(tid, { route: 'shop/b/t/x' })
    h.consume({ filter: 'shop/+/t/x', credit: 4 })
    expect(h.leases().map((lease) => lease.tid)).toEqual(['a1', 'b1', 'a2', 'b2'])
  })
})

describe('workgroups', () => {
  test('each subscribed workgroup gets its copy, only the named one answers', () => {
    const h = harness()
    h.consume({ owner: 'a' })
    h.consume({ owner: 'b', workgroup: 'audit' })
    h.send('t1', { watcher: 'w' })
    const [named, observing] = ['workers', 'audit'].map((workgroup) =>
      h.leases().find((lease) => lease.workgroup === workgroup),
    )
    h.engine.ack(observing?.id ?? 0, 'b', 'failed', 'seen')
    expect(h.of('settled')).toEqual([])
    expect(h.engine.stats()).toMatchObject({ open: 1, failed: 0 })
    h.engine.ack(named?.id ?? 0, 'a', 'succeed', 'done')
    expect(h.of('settled').map((effect) => effect.settlement.result)).toEqual(['done'])
    expect(h.of('completed').map((effect) => [effect.workgroup, effect.settlement.outcome])).toEqual([
      ['audit', 'failed'],
      ['workers', 'succeed'],
    ])
    expect(h.engine.stats()).toMatchObject({ open: 0, succeeded: 1, bytes: 0 })
  })

  test('a workgroup counts as subscribed for a while after its last consumer', () => {
    const h = harness({ limits: { groupTtlMs: 500 } })
    h.engine.closeConsumer(h.consume())
    h.pass(499)
    expect(h.send('t1', { waitForWorkers: false })).toBe('accepted')
    h.pass(10)
    expect(h.send('t2', { waitForWorkers: false })).toBe('workers-none')
    h.consume()
    expect(h.last().tid).toBe('t1')
  })

  test('a wildcard matches routes that come later, and routes that were there before', () => {
    const h = harness()
    h.send('t1', { route: 'shop/a/t/x' })
    h.consume({ filter: 'shop/#', credit: 9 })
    h.send('t2', { route: 'shop/b/t/x' })
    h.send('t3', { route: 'mall/b/t/x' })
    expect(h.leases().map((lease) => lease.tid)).toEqual(['t1', 't2'])
  })
})

describe('credit', () => {
  test('the worker with most spare credit is next, equal ones in turn', () => {
    const h = harness()
    h.consume({ owner: 'a', credit: 2 })
    h.consume({ owner: 'b', credit: 4 })
    h.consume({ owner: 'c', credit: 2 })
    for (let i = 0; i < 9; i++) h.send(`t${i}`)
    expect(
      h
        .leases()
        .map((lease) => lease.owner)
        .join(''),
    ).toBe('bbacbacb')
  })

  test('round robin goes round', () => {
    const h = harness({ dispatch: 'round-robin' })
    for (const owner of ['a', 'b', 'c']) h.consume({ owner, credit: 2 })
    for (let i = 0; i < 6; i++) h.send(`t${i}`)
    expect(
      h
        .leases()
        .map((lease) => lease.owner)
        .join(''),
    ).toBe('abcabc')
  })

  test('random follows the injected numbers', () => {
    const numbers = [0.99, 0, 0.5]
    const h = harness({ dispatch: 'random', random: () => numbers.shift() ?? 0 })
    for (const owner of ['a', 'b', 'c']) h.consume({ owner, credit: 5 })
    for (let i = 0; i < 3; i++) h.send(`t${i}`)
    expect(
      h
        .leases()
        .map((lease) => lease.owner)
        .join(''),
    ).toBe('cab')
  })

  test('consumers of one pool share its credit, across routes, fairly', () => {
    const h = harness()
    const pool = { id: 'p', credit: 2 }
    h.consume({ filter: 'shop/a/t/x', credit: 9, pool })
    h.consume({ filter: 'shop/b/t/x', credit: 9, pool })
    h.consume({ filter: 'shop/b/t/x', owner: 'b', credit: 1, pool })
    for (let i = 0; i < 4; i++) h.send(`a${i}`, { route: 'shop/a/t/x' })
    for (let i = 0; i < 4; i++) h.send(`b${i}`, { route: 'shop/b/t/x' })
    const held = (): string[] =>
      h
        .leases()
        .filter((lease) => lease.owner === 'a')
        .map((lease) => lease.tid)
    expect(held()).toEqual(['a0', 'a1'])
    for (let i = 0; i < 4; i++)
      h.engine.ack(h.leases().filter((lease) => lease.owner === 'a')[i]?.id ?? 0, 'a', 'succeed', 'x')
    // Neither route starves the other.
    const routes = held()
      .slice(2)
      .map((tid) => tid.charAt(0))
    expect(routes.filter((name) => name === 'a')).toHaveLength(2)
    expect(routes.filter((name) => name === 'b')).toHaveLength(2)
  })
})

describe('leases', () => {
  test('a lost lease is revoked and the task goes to somebody else', () => {
    const h = harness()
    h.consume({ owner: 'a' })
    h.send('t1')
    h.consume({ owner: 'b' })
    const first = h.last()
    h.pass(999)
    expect(h.of('revoke')).toEqual([])
    h.pass(9)
    expect(h.of('revoke')).toEqual([{ kind: 'revoke', lease: first, reason: 'lease-lost' }])
    expect(h.last()).toMatchObject({ owner: 'b', attempt: 2 })
    expect(h.engine.ack(first.id, 'a', 'succeed', 'late')).toBe('lease-lost')
    expect(h.engine.ack(h.last().id, 'b', 'succeed', 'good')).toBe('ok')
  })

  test('renewing holds it', () => {
    const h = harness()
    h.consume()
    h.send('t1')
    for (let i = 0; i < 10; i++) {
      h.pass(900)
      expect(h.engine.renew(h.last().id, 'a')).toBe('ok')
    }
    expect(h.leases()).toHaveLength(1)
  })

  test('who lets a lease run out gets nothing until it is heard from', () => {
    const h = harness()
    h.consume({ owner: 'frozen', credit: 10 })
    h.send('t1')
    h.consume({ owner: 'alive', credit: 2 })
    h.pass(1_010)
    for (const tid of ['t2', 't3', 't4']) h.send(tid)
    expect(h.leases().map((lease) => `${lease.tid} ${lease.owner}`)).toEqual([
      't1 frozen',
      't1 alive',
      't2 alive',
    ])
    expect(h.engine.renew(h.leases()[0]?.id ?? 0, 'frozen')).toBe('lease-lost')
    expect(
      h
        .leases()
        .slice(3)
        .map((lease) => `${lease.tid} ${lease.owner}`),
    ).toEqual(['t3 frozen', 't4 frozen'])
  })

  test('a worker that is frozen for long costs a task one attempt, though nobody else is there to take it', () => {
    const h = harness()
    h.consume({ owner: 'frozen', pool: { id: 'p', credit: 1 } })
    h.send('t1', { attempts: 2, watcher: 'w' })
    h.pass(60_000)
    expect(h.leases()).toHaveLength(1)
    expect(h.of('settled')).toEqual([])
    h.consume({ owner: 'alive' })
    expect(h.last()).toMatchObject({ tid: 't1', owner: 'alive', attempt: 2 })
    expect(h.engine.ack(h.last().id, 'alive', 'succeed', 'good')).toBe('ok')
    expect(h.engine.stats()).toMatchObject({ succeeded: 1, leasesLost: 1 })
  })

  test('whose owner was heard otherwise gets work again; a stranger changes nothing', () => {
    const h = harness()
    h.consume()
    h.send('t1')
    h.pass(1_010)
    h.engine.heard('nobody')
    expect(h.leases()).toHaveLength(1)
    h.engine.heard('a')
    expect(h.last()).toMatchObject({ tid: 't1', attempt: 2 })
    h.engine.heard('a')
    expect(h.leases()).toHaveLength(2)
  })

  test('a lost lease counts as an attempt; past the last the task is dead and fails', () => {
    const h = harness()
    h.consume()
    h.send('t1', { attempts: 2, watcher: 'w' })
    h.pass(1_010)
    h.engine.heard('a')
    h.pass(1_010)
    expect(h.of('settled')[0]?.settlement).toMatchObject({
      outcome: 'failed',
      attempt: 2,
      reason: 'attempts-exhausted',
    })
    expect(h.of('deadLettered')[0]?.letter).toMatchObject({
      tid: 't1',
      attempts: 2,
      reason: 'attempts-exhausted',
    })
    expect(h.engine.stats()).toMatchObject({ failed: 1, leasesLost: 2, deadLetters: 1, redelivered: 1 })
  })

  test('an owner that leaves returns its leases to others at once, each as a failed attempt', () => {
    const h = harness()
    h.consume({ owner: 'a', credit: 2 })
    h.send('t1', { attempts: 1 })
    h.send('t2', { attempts: 2 })
    h.consume({ owner: 'b' })
    h.engine.disconnect('a')
    expect(h.last()).toMatchObject({ tid: 't2', owner: 'b', attempt: 2 })
    expect(h.of('revoke')).toEqual([])
    expect(h.engine.stats()).toMatchObject({ failed: 1, consumers: 1 })
    h.engine.disconnect('a')
    h.engine.disconnect('nobody')
  })

  test('a closed consumer gets nothing new and settles what it has', () => {
    const h = harness()
    const consumer = h.consume({ credit: 2 })
    h.send('t1')
    h.engine.closeConsumer(consumer)
    h.engine.closeConsumer(consumer)
    h.send('t2')
    expect(h.leases()).toHaveLength(1)
    expect(h.engine.ack(h.last().id, 'a', 'succeed', 'x')).toBe('ok')
    expect(h.engine.stats()).toMatchObject({ queued: 1, consumers: 0 })
  })
})

describe('release', () => {
  test('uncounted, it may go on for ever; failed, until the last attempt', () => {
    const h = harness()
    h.consume()
    h.send('t1', { attempts: 2, watcher: 'w' })
    for (let i = 0; i < 5; i++) h.engine.release(h.last().id, 'a', { delayMs: 0, failed: false })
    h.engine.release(h.last().id, 'a', { delayMs: 0, failed: true, error: 'first' })
    expect(h.last().attempt).toBe(7)
    h.engine.release(h.last().id, 'a', { delayMs: 0, failed: true, error: 'second' })
    expect(h.of('settled')[0]?.settlement).toMatchObject({
      outcome: 'failed',
      attempt: 7,
      lastError: 'second',
      reason: 'attempts-exhausted',
    })
  })

  test('with a delay others pass, and nothing comes early', () => {
    const h = harness()
    h.consume()
    h.send('t1')
    h.send('t2')
    h.engine.release(h.last().id, 'a', { delayMs: 100, failed: true })
    expect(h.last().tid).toBe('t2')
    h.engine.ack(h.last().id, 'a', 'succeed', 'x')
    expect(h.engine.stats()).toMatchObject({ delayed: 1 })
    h.pass(99)
    expect(h.last().tid).toBe('t2')
    h.pass(9)
    expect(h.last()).toMatchObject({ tid: 't1', attempt: 2 })
  })
})

describe('cancel', () => {
  test('ends what waits, is delayed and runs, in every workgroup, once', () => {
    const h = harness()
    h.consume({ owner: 'a' })
    h.consume({ owner: 'b', workgroup: 'audit' })
    h.send('t1', { watcher: 'w' })
    expect(h.engine.cancel(route, 't1', 'enough')).toBe(true)
    expect(h.of('revoke').map((effect) => effect.reason)).toEqual(['cancelled', 'cancelled'])
    expect(h.of('settled')[0]?.settlement).toMatchObject({
      outcome: 'cancelled',
      attempt: 1,
      cancelReason: 'enough',
      reason: 'cancelled',
    })
    expect(h.engine.ack(h.leases()[0]?.id ?? 0, 'a', 'succeed', 'late')).toBe('lease-lost')
    expect(h.engine.cancel(route, 't1', 'again')).toBe(false)
    h.engine.disconnect('a')
    h.send('t2', { watcher: 'w' })
    h.send('t3', { watcher: 'w', delayMs: 500 })
    expect(h.engine.cancel(route, 't2', 'x')).toBe(true)
    expect(h.engine.cancel(route, 't3', 'x')).toBe(true)
    expect(h.engine.cancel(route, 'never', 'x')).toBe(false)
    expect(h.engine.stats()).toMatchObject({
      cancelled: 3,
      open: 0,
      queued: 0,
      delayed: 0,
      leased: 0,
      bytes: 0,
    })
  })
})

describe('time', () => {
  test('delay, time to live and deadline: never early, at most a slot late', () => {
    const h = harness()
    h.send('delayed', { delayMs: 100 })
    h.send('stale', { ttlMs: 200, watcher: 'w' })
    h.send('late', { deadlineMs: 300, watcher: 'w' })
    const seen = (): string[] =>
      h.of('settled').map((effect) => `${effect.settlement.tid} ${effect.settlement.reason ?? ''}`)
    h.pass(199)
    expect(seen()).toEqual([])
    h.pass(9)
    expect(seen()).toEqual(['stale queue-ttl'])
    h.pass(91)
    expect(seen()).toHaveLength(1)
    h.pass(9)
    expect(seen()).toEqual(['stale queue-ttl', 'late deadline'])
    expect(h.engine.stats()).toMatchObject({ expired: 2, open: 1, queued: 1 })
  })

  test('a deadline takes a running task from its worker', () => {
    const h = harness()
    h.consume()
    h.send('t1', { deadlineMs: 500, watcher: 'w' })
    expect(h.last().remainingMs).toBe(500)
    h.pass(508)
    expect(h.of('revoke').map((effect) => effect.reason)).toEqual(['deadline'])
    expect(h.of('settled')[0]?.settlement).toMatchObject({
      outcome: 'expired',
      reason: 'deadline',
      attempt: 1,
    })
  })

  test('time to live counts from the end of the delay to the first delivery', () => {
    const h = harness()
    h.send('t1', { delayMs: 500, ttlMs: 100 })
    h.pass(590)
    const consumer = h.consume({ leaseMs: 200 })
    expect(h.last().tid).toBe('t1')
    h.engine.closeConsumer(consumer)
    h.pass(5_000)
    expect(h.engine.stats()).toMatchObject({ expired: 0, queued: 1 })
  })

  test('nothing to do is Infinity, and a clock that goes back changes nothing', () => {
    const h = harness()
    expect(h.engine.nextTickAt()).toBe(Infinity)
    h.send('t1', { delayMs: 1_000 })
    h.advance(-500)
    h.engine.tick()
    h.send('t2', { delayMs: 1_000 })
    expect(h.engine.nextTickAt()).toBeLessThanOrEqual(2_008)
    h.pass(1_600)
    expect(h.engine.stats()).toMatchObject({ queued: 2 })
  })
})

describe('the same tid again', () => {
  test('joins the open task, and is answered from what is remembered', () => {
    const h = harness({ limits: { resultTtlMs: 1_000 } })
    h.consume()
    h.send('t1', { watcher: 'w' })
    expect(h.send('t1', { watcher: 'v', route: 'shop/image/resize/other' })).toBe('deduplicated')
    expect(h.send('t1', { watcher: 'v' })).toBe('deduplicated')
    expect(h.send('t1', { watcher: 'z', route: 'mall/image/resize/x' })).toBe('accepted')
    h.engine.ack(h.last().id, 'a', 'succeed', 'done')
    expect(h.of('settled').map((effect) => effect.watcher)).toEqual(['w', 'v'])
    expect(h.send('t1', { watcher: 'u' })).toBe('deduplicated')
    expect(h.engine.attach(route, 't1', 's')).toBe(true)
    expect(h.of('settled').map((effect) => effect.watcher)).toEqual(['w', 'v', 'u', 's'])
    h.pass(1_010)
    expect(h.engine.attach(route, 't1', 's')).toBe(false)
    expect(h.send('t1')).toBe('accepted')
  })

  test('stays taken while another workgroup still works on it', () => {
    const h = harness({ limits: { resultTtlMs: 0 } })
    h.consume({ owner: 'a' })
    h.consume({ owner: 'b', workgroup: 'audit', credit: 9 })
    h.send('t1')
    const [named, observing] = ['workers', 'audit'].map((workgroup) =>
      h.leases().find((lease) => lease.workgroup === workgroup),
    )
    h.engine.ack(named?.id ?? 0, 'a', 'succeed', 'done')
    expect(h.send('t1')).toBe('deduplicated')
    h.engine.ack(observing?.id ?? 0, 'b', 'succeed', 'seen')
    expect(h.send('t1')).toBe('accepted')
  })
})

describe('bounds', () => {
  test('a full queue, byte budget, route table and list of watchers refuse', () => {
    const h = harness({ limits: { maxQueued: 2, maxBytes: 100, maxRoutes: 3, maxWatchers: 1 } })
    h.send('t1', { watcher: 'w' })
    h.send('t2', { delayMs: 50 })
    expect(h.send('t3')).toBe('queue-full')
    expect(h.send('t1', { watcher: 'v' })).toBe('watchers-full')
    expect(h.engine.attach(route, 't1', 'v')).toBe(false)
    expect(h.send('t3', { route: 'shop/2/t/x', bytes: 81 })).toBe('bytes-full')
    expect(h.send('t3', { route: 'shop/2/t/x' })).toBe('accepted')
    expect(h.send('t4', { route: 'shop/3/t/x' })).toBe('accepted')
    expect(h.send('t5', { route: 'shop/4/t/x' })).toBe('routes-full')
    h.engine.cancel('shop/2/t/x', 't3', 'x')
    expect(h.send('t5', { route: 'shop/4/t/x' })).toBe('accepted')
    expect(h.engine.stats()).toMatchObject({ routes: 3, refused: 4 })
  })

  test('results and dead letters: the oldest go, dead letters counted', () => {
    const h = harness({ limits: { maxResults: 2, maxDeadLetters: 2, maxBytes: 60 } })
    h.consume({ credit: 9 })
    for (const tid of ['t1', 't2', 't3']) h.send(tid, { attempts: 1 })
    for (const lease of h.leases()) h.engine.release(lease.id, 'a', { delayMs: 0, failed: true, error: 'no' })
    expect(h.engine.attach(route, 't1', 'w')).toBe(false)
    expect(h.engine.attach(route, 't2', 'w')).toBe(true)
    expect(Array.from(h.engine.deadLetters(), (letter) => letter.tid)).toEqual(['t2', 't3'])
    // Dead letters give way to the living.
    expect(h.send('t4', { bytes: 50 })).toBe('accepted')
    expect(Array.from(h.engine.deadLetters(), (letter) => letter.tid)).toEqual(['t3'])
    expect(h.engine.takeDeadLetter(route, 'workers', 't3')).toMatchObject({ body: 'body of t3', error: 'no' })
    expect(h.engine.takeDeadLetter(route, 'workers', 't3')).toBeUndefined()
    expect(h.engine.stats()).toMatchObject({ deadLetters: 0, deadLettersDropped: 2, results: 2 })
  })

  test('results weigh what the shell says: past the limit the oldest go, their watchers were told all the same', () => {
    const h = harness({ limits: { maxResultBytes: 100 }, resultBytes: (result) => String(result).length })
    h.consume({ credit: 9 })
    for (const tid of ['t1', 't2', 't3']) h.send(tid, { watcher: `w-${tid}` })
    for (const lease of h.leases()) h.engine.ack(lease.id, 'a', 'succeed', 'x'.repeat(50))
    expect(['t1', 't2', 't3'].map((tid) => h.engine.attach(route, tid, 'late'))).toEqual([false, true, true])
    h.send('t4', { watcher: 'w-t4' })
    h.engine.ack(h.last().id, 'a', 'succeed', 'x'.repeat(101))
    expect(h.engine.stats().results).toBe(0)
    expect(h.of('settled').filter((effect) => effect.watcher.startsWith('w-'))).toHaveLength(4)
  })

  test('an ack may keep the task as a dead letter', () => {
    const h = harness()
    h.consume()
    h.send('t1')
    h.engine.ack(h.last().id, 'a', 'failed', 'result', { deadLetter: true, error: 'why' })
    expect(h.of('deadLettered')[0]?.letter).toMatchObject({
      tid: 't1',
      reason: 'rejected',
      error: 'why',
      body: 'body of t1',
    })
  })

  test('nothing is left of what is over and forgotten', () => {
    const h = harness({ limits: { resultTtlMs: 100, groupTtlMs: 100, maxRoutes: 1 } })
    for (let i = 0; i < 50; i++) {
      const name = `union${i}/a/t/x`
      const consumer = h.consume({ filter: i % 2 === 0 ? name : `union${i}/#`, owner: `o${i}` })
      h.send('t', { route: name })
      h.engine.ack(h.last().id, `o${i}`, 'succeed', 'x')
      h.engine.closeConsumer(consumer)
    }
    h.pass(1_000)
    expect(h.engine.stats()).toMatchObject({ routes: 1, queues: 0, consumers: 0, results: 0, leased: 0 })
    expect(h.engine.nextTickAt()).toBe(Infinity)
  })
})

describe('misuse', () => {
  const effects = {
    deliver: () => {},
    revoke: () => {},
    settled: () => {},
    completed: () => {},
    deadLettered: () => {},
  }
  const good = { clock: { now: () => 0 }, random: () => 0 }

  test.each([
    [{ ...good, clock: undefined }],
    [{ ...good, random: 1 }],
    [{ ...good, dispatch: 'fastest' }],
    [{ ...good, limits: { maxQueued: 0 } }],
    [{ ...good, limits: { maxBytes: 1.5 } }],
    [{ ...good, limits: { colour: 1 } }],
  ])('options are checked: %j', (options) => {
    expect(() => createEngine(options as never, effects)).toThrow(EngineError)
    expect(() => createEngine(options as never, effects)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
    )
  })

  test.each([
    { credit: 0 },
    { credit: 1.5 },
    { leaseMs: 0 },
    { leaseMs: Number.NaN },
    { pool: { id: 'p', credit: 0 } },
  ])('consumers too: %j', (spec) => {
    expect(() => harness().consume(spec)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
    )
  })

  test('names too', () => {
    const code = 'ERR_AETHER_TOPIC_INVALID'
    expect(() => harness().consume({ filter: 'a/#/b' })).toThrow(expect.objectContaining({ code }))
    expect(() => harness().send('t1', { route: 'a/+/b' })).toThrow(expect.objectContaining({ code }))
  })
})
