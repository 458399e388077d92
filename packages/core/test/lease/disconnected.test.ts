import { describe, expect, test } from 'vitest'

import { AetherError } from '../../src/errors.ts'
import { completeOf, outcomeOf, party, route, taskOf } from '../support/lease-party.ts'

describe('a caller without a connection', () => {
  test('judges no lease: first it hears what its workers say when it is back', async () => {
    const { clock, member, close } = party()
    const caller = await member('caller')
    const [worker, other] = [await member('worker'), await member('other')]
    await worker.consume({ leaseMs: 3_000, credit: 1 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    await other.consume({ leaseMs: 3_000 })
    caller.relay.disconnect()
    await clock.advance(2_500)
    const acked = outcomeOf(worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!)))
    await clock.advance(1_000)
    caller.relay.reconnect()
    await clock.advance(1_000)
    expect(acked.value).toBe('resolved')
    expect(caller.completions('1')).toMatchObject([{ attempt: 1, status: 'succeed' }])
    expect(other.deliveries).toEqual([])
    await close()
  })

  test('still gives the task to another when its worker stays silent', async () => {
    const { clock, member, close } = party()
    const caller = await member('caller')
    const [worker, other] = [await member('worker'), await member('other')]
    await worker.consume({ leaseMs: 3_000, credit: 1 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    await other.consume({ leaseMs: 3_000 })
    caller.relay.disconnect()
    worker.kill()
    await clock.advance(10_000)
    caller.relay.reconnect()
    await clock.advance(5_000)
    expect(other.deliveries.map(({ attempt }) => attempt)).toEqual([2])
    await close()
  })

  test('judges leases where its inbox is reached, though its relay is not ready', async () => {
    const { clock, member, close } = party()
    const caller = await member('caller')
    const [worker, other] = [await member('worker'), await member('other')]
    await worker.consume({ leaseMs: 3_000, credit: 1 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    await other.consume({ leaseMs: 3_000 })
    const error = new AetherError('ERR_AETHER_TRANSPORT_LOST', 'of another connection')
    caller.relay.state = { status: 'reconnecting', attempt: 1, error }
    caller.relay.isCutOff = false
    worker.kill()
    await clock.advance(5_000)
    expect(other.deliveries.map(({ attempt }) => attempt)).toEqual([2])
    await close()
  })

  test('offers again at once, when it is back, what nobody answered', async () => {
    const { clock, hub, member, close } = party({ resendMs: 1_000, resendMaxMs: 60_000 })
    const caller = await member('caller')
    const worker = await member('worker')
    hub.fate = () => []
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(20_000)
    hub.fate = () => [1]
    caller.relay.disconnect()
    await clock.advance(1_000)
    caller.relay.reconnect()
    await clock.advance(10)
    expect(worker.deliveries).toHaveLength(1)
    await close()
  })

  test('does not offer again what was cancelled meanwhile', async () => {
    const { clock, hub, member, close } = party({ resendMs: 1_000, queryMs: 20_000 })
    const caller = await member('caller')
    const worker = await member('worker')
    hub.fate = () => []
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(500)
    caller.relay.disconnect()
    await caller.transport.cancel(route, '1', 'user')
    await clock.advance(500)
    hub.fate = () => [1]
    caller.relay.reconnect()
    await clock.advance(10_000)
    expect(worker.deliveries).toEqual([])
    expect(caller.completions('1')).toMatchObject([{ status: 'cancelled' }])
    await close()
  })

  test('has one offer of a task on its way, however long that takes', async () => {
    const { clock, hub, member, close } = party({ resendMs: 1_000 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    caller.relay.disconnect()
    const sent = outcomeOf(caller.transport.send(taskOf('1')))
    await clock.advance(30_000)
    expect(sent.value).toBe('pending')
    caller.relay.reconnect()
    await clock.advance(10)
    expect(sent.value).toBe('resolved')
    expect(hub.sent.filter(({ kind }) => kind === 'offer')).toHaveLength(1)
    await close()
  })
})
