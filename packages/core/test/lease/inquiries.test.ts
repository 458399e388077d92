import { describe, expect, test } from 'vitest'

import { AetherError } from '../../src/errors.ts'
import { completeOf, outcomeOf, party, route, statusOf, taskOf } from '../support/lease-party.ts'

describe('other instances', () => {
  test('may cancel, and hear TASK_UNKNOWN when nobody holds it', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const other = await member('other')
    await caller.transport.send(taskOf('1'))
    let dropped = 0
    hub.fate = ({ signal }) => (signal?.kind === 'stopped' && dropped++ === 0 ? [] : [1])
    const cancelled = outcomeOf(other.transport.cancel(route, '1', 'operator'))
    await clock.advance(500)
    expect(cancelled.value).toBe('resolved')
    expect(caller.completions('1')).toMatchObject([{ status: 'cancelled', error: { message: 'operator' } }])
    expect(other.events).toEqual([])
    const unknown = outcomeOf(other.transport.cancel(route, 'nope', 'x'))
    await clock.advance(1_001)
    expect(unknown.value).toBe('ERR_AETHER_TASK_UNKNOWN')
  })

  test('the worker tells the caller of a cancel that only it heard', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const other = await member('other')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(50)
    hub.fate = ({ to, signal }) => (to === 'inbox-caller' && signal?.kind === 'cancel' ? [] : [1])
    void other.transport.cancel(route, '1', 'operator').catch(() => undefined)
    await clock.advance(1_100)
    expect(caller.completions('1')).toMatchObject([{ status: 'cancelled', error: { message: 'operator' } }])
  })

  test('may follow a task to its end, though messages are lost', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const other = await member('other')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(50)
    const attached = outcomeOf(other.transport.attach(route, '1'))
    await clock.advance(5)
    expect(attached.value).toBe('resolved')
    const delivery = worker.deliveries[0]!
    await delivery.report(statusOf(delivery, 1))
    await clock.advance(5)
    let dropped = 0
    hub.fate = ({ signal }) => (signal?.kind === 'settled' && dropped++ < 2 ? [] : [1])
    void delivery.ack(completeOf(delivery))
    await clock.advance(5_000)
    expect(other.events.map(({ action }) => action)).toEqual(['status', 'complete'])
    const late = await member('late')
    void late.transport.attach(route, '1')
    await clock.advance(10)
    expect(late.completions('1')).toMatchObject([{ status: 'succeed' }])
  })

  test('learn that the sender is gone', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const other = await member('other')
    await caller.transport.send(taskOf('1'))
    void other.transport.attach(route, '1')
    await clock.advance(10)
    caller.kill()
    await clock.advance(10_000)
    expect(other.completions('1')).toMatchObject([
      { status: 'failed', error: { code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true } },
    ])
    const unknown = outcomeOf(other.transport.attach(route, '1'))
    await clock.advance(1_001)
    expect(unknown.value).toBe('ERR_AETHER_CAPABILITY_UNSUPPORTED')
  })

  test('follow so many tasks at a time', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const other = await member('other', { maxAttached: 1 })
    await caller.transport.send(taskOf('1'))
    await caller.transport.send(taskOf('2'))
    const first = outcomeOf(other.transport.attach(route, '1'))
    const second = outcomeOf(other.transport.attach(route, '2'))
    await clock.advance(10)
    expect([first.value, second.value]).toEqual(['resolved', 'ERR_AETHER_QUEUE_FULL'])
    await caller.transport.cancel(route, '1', 'enough')
    await clock.advance(500)
    const again = outcomeOf(other.transport.attach(route, '2'))
    await clock.advance(10)
    expect(again.value).toBe('resolved')
  })

  test('that ask the same wait each for itself: an abort ends one wait', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const other = await member('other')
    const stop = new AbortController()
    const given = outcomeOf(other.transport.attach(route, '1', { signal: stop.signal }))
    const asks = outcomeOf(other.transport.attach(route, '1'))
    const late = new AbortController()
    const givenLater = outcomeOf(other.transport.attach(route, '1', { signal: late.signal }))
    stop.abort(new AetherError('ERR_AETHER_CLIENT_CLOSED', 'enough'))
    await clock.advance(1)
    late.abort(new AetherError('ERR_AETHER_CLIENT_CLOSED', 'enough'))
    await clock.advance(1)
    const gaveUp = 'ERR_AETHER_CLIENT_CLOSED'
    expect([given.value, asks.value, givenLater.value]).toEqual([gaveUp, 'pending', gaveUp])
    await caller.transport.send(taskOf('1'))
    await clock.advance(500)
    expect(asks.value).toBe('resolved')
  })
})
