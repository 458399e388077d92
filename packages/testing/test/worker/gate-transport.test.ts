import { afterEach, describe, expect, it } from 'vitest'

import { until } from '../../src/index.ts'
import { holds } from '../../src/suite/expectations.ts'
import { completeOf, routeOf, taskOf } from '../../src/suite/messages.ts'
import { startPeer } from '../../src/suite/peer.ts'
import { gateTransport } from '../../src/worker/gate-transport.ts'
import { everythingDeclared, referenceOptions } from '../support/reference-environment.ts'

describe('gateTransport', () => {
  const closers: (() => Promise<void>)[] = []

  afterEach(async () => {
    for (const close of closers.splice(0)) await close()
  })

  async function open() {
    const environment = await referenceOptions(everythingDeclared).create({})
    closers.push(() => environment.close())
    const gate = gateTransport(environment.transport())
    const worker = await startPeer(gate.transport, 'gated', 'worker')
    const caller = await startPeer(environment.transport(), 'gated', 'caller')
    const inbox = await worker.consume(routeOf('gated'), { leaseMs: 300 })
    return { gate, caller, inbox }
  }

  it('passes everything while open', async () => {
    const { caller, inbox } = await open()
    const task = taskOf(routeOf('gated'))
    await caller.transport.send(task)
    const delivery = await inbox.of(task.tid)
    await delivery.ack(completeOf(delivery))
    expect((await caller.completion(task.tid)).status).toBe('succeed')
  })

  it('holds both directions, and lets go in order', async () => {
    const { gate, caller, inbox } = await open()
    const task = taskOf(routeOf('gated'))
    await caller.transport.send(task)
    const delivery = await inbox.of(task.tid)
    const codes: string[] = []
    delivery.onRevoke(({ code }) => codes.push(code))
    gate.hold()
    const late = delivery.ack(completeOf(delivery)).then(
      () => 'accepted',
      () => 'refused',
    )
    // Longer than the lease: a frozen worker learns of its loss when it thaws.
    await holds('nothing passes', () => codes.length === 0 && inbox.deliveries.length === 1, 400)
    gate.release()
    expect(await late).toBe('refused')
    await until(() => codes.length === 1 && inbox.deliveries.length >= 2)
  })

  it('shut, it passes nothing for ever', async () => {
    const { gate, caller, inbox } = await open()
    gate.shut()
    gate.release()
    await caller.transport.send(taskOf(routeOf('gated')))
    await holds('nothing passes', () => inbox.deliveries.length === 0)
  })
})
