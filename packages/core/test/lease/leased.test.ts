import { describe, expect, test } from 'vitest'

import { completeOf, outcomeOf, party, route, taskOf } from '../support/lease-party.ts'

describe('close', () => {
  test('gives back at once what is in hand, and leaves no timer', async () => {
    const { clock, member, close } = party()
    const caller = await member('caller')
    const [leaver, stayer] = [await member('leaver'), await member('stayer')]
    await leaver.consume({ credit: 2, leaseMs: 120_000 })
    for (const tid of ['1', '2', '3']) await caller.transport.send(taskOf(tid))
    await clock.advance(50)
    await stayer.consume({ credit: 10, leaseMs: 120_000 })
    await leaver.transport.close()
    await clock.advance(10)
    expect(stayer.deliveries.map(({ attempt }) => attempt)).toEqual([2, 2, 2])
    expect(leaver.clock.timers).toBe(0)
    await close()
    expect(clock.timers).toBe(0)
  })

  test('is idempotent, and later calls are refused', async () => {
    const { member } = party()
    const { transport } = await member('one')
    expect(transport.close()).toStrictEqual(transport.close())
    await transport.close()
    const closed = { code: 'ERR_AETHER_TRANSPORT_CLOSED' }
    await expect(transport.send(taskOf('1'))).rejects.toMatchObject(closed)
    await expect(transport.attach(route, '1')).rejects.toMatchObject(closed)
    await expect(transport.cancel(route, '1', 'x')).rejects.toMatchObject(closed)
    await expect(transport.listen({}, () => undefined)).rejects.toMatchObject(closed)
  })

  test('a question under way is refused with it', async () => {
    const { clock, member } = party()
    const { transport } = await member('one')
    const asked = outcomeOf(transport.attach(route, 'nope'))
    await clock.advance(100)
    await transport.close()
    expect(asked.value).toBe('ERR_AETHER_TRANSPORT_CLOSED')
  })

  test('an aborted question rejects with its reason and stops asking', async () => {
    const { clock, hub, member } = party()
    const { transport } = await member('one')
    await member('two')
    const controller = new AbortController()
    const asked = transport.attach(route, 'nope', { signal: controller.signal })
    controller.abort(new Error('gone'))
    await expect(asked).rejects.toThrow('gone')
    const before = hub.sent.length
    await clock.advance(5_000)
    expect(hub.sent).toHaveLength(before)
  })
})

describe('announcements', () => {
  test('are not published where the relay knows that nobody listens', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const listener = await member('listener')
    await listener.transport.listen({}, () => undefined)
    let isHeard = false
    for (const { relay } of [caller, worker]) Object.assign(relay, { isHeard: () => isHeard })
    await worker.consume({}, (delivery) => void delivery.ack(completeOf(delivery)))
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    expect(caller.completions('1')).toHaveLength(1)
    expect(hub.sent.filter(({ kind }) => kind === 'event')).toEqual([])
    isHeard = true
    await caller.transport.send(taskOf('2'))
    await clock.advance(10)
    expect(hub.sent.filter(({ kind }) => kind === 'event')).toHaveLength(1)
  })
})
