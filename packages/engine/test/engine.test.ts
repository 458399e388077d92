import { describe, expect, test } from 'vitest'
import { harness, route } from './engine-harness.ts'

describe('send, deliver, ack', () => {
  test('a task goes to a free worker and its completion to its watcher', () => {
    const h = harness()
    h.consume()
    expect(h.send('t1', { watcher: 'w' })).toBe('accepted')
    expect(h.last()).toMatchObject({
      tid: 't1',
      route,
      workgroup: 'workers',
      attempt: 1,
      body: 'body of t1',
      owner: 'a',
      remainingMs: 0,
    })
    expect(h.engine.ack(h.last().id, 'a', 'succeed', 'done')).toBe('ok')
    const settlement = {
      tid: 't1',
      route,
      workgroup: 'workers',
      outcome: 'succeed',
      attempt: 1,
      result: 'done',
      reason: undefined,
      lastError: undefined,
      cancelReason: undefined,
    }
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
})

test('higher priorities first, first in first out within one', () => {
  const h = harness()
  for (const [tid, priority] of [
    ['a', 0],
    ['b', 5],
    ['c', 9],
    ['d', 5],
    ['e', 0],
    ['f', 9],
  ] as const)
    h.send(tid, { priority })
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
