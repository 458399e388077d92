import { describe, expect, test } from 'vitest'

import { completeOf, party, taskOf } from '../support/lease-party.ts'
import type { Message } from '../support/lossy-hub.ts'

const isSignal = (kind: string) => (message: Message) => message.signal?.kind === kind

describe('credit', () => {
  test('what comes beyond it is held, renewed, and begun in order', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ credit: 1, leaseMs: 1_000 })
    for (const tid of ['1', '2', '3']) await caller.transport.send(taskOf(tid))
    await clock.advance(900)
    expect(worker.deliveries).toHaveLength(1)
    for (let n = 0; n < 10; n++) {
      void worker.deliveries[0]!.renew().catch(() => undefined)
      await clock.advance(500)
    }
    expect(worker.deliveries).toHaveLength(1)
    void worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!))
    await clock.advance(5)
    expect(worker.deliveries.map(({ task, attempt }) => `${task.tid} ${attempt}`)).toEqual(['1 1', '2 1'])
  })

  test('one more than may be held is refused and goes to another worker', async () => {
    const { clock, hub, member } = party({ maxHeld: 0 })
    const caller = await member('caller')
    const [busy, free] = [await member('busy'), await member('free')]
    await busy.consume({ credit: 1 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(50)
    await caller.transport.send(taskOf('2'))
    await clock.advance(50)
    expect(hub.sent.filter(isSignal('busy')).length).toBeGreaterThan(0)
    await free.consume({ credit: 1 })
    await clock.advance(2_000)
    expect(free.deliveries.map(({ task, attempt }) => `${task.tid} ${attempt}`)).toEqual(['2 1'])
  })

  test('is shared in a pool', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const pool = { id: 'p', credit: 2 }
    const seen: string[] = []
    for (const workgroup of ['workers', 'audit']) {
      await worker.consume({ credit: 2, pool, workgroup }, ({ task }) =>
        seen.push(`${workgroup} ${task.tid}`),
      )
    }
    for (const tid of ['1', '2']) await caller.transport.send(taskOf(tid))
    await clock.advance(50)
    expect(seen).toHaveLength(2)
    void worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!))
    await clock.advance(50)
    expect(seen).toHaveLength(3)
  })

  test('a lost lease gives it back', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ credit: 1, leaseMs: 1_000 })
    for (const tid of ['1', '2']) await caller.transport.send(taskOf(tid))
    await clock.advance(1_500)
    expect(worker.deliveries.map(({ task }) => task.tid)).toContain('2')
  })

  test('a closed consumer gives back what it only held, and settles what it began', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const [leaver, stayer] = [await member('leaver'), await member('stayer')]
    const consumer = await leaver.consume({ credit: 1 })
    for (const tid of ['1', '2']) await caller.transport.send(taskOf(tid))
    await clock.advance(50)
    await stayer.consume()
    await consumer.close()
    await clock.advance(10)
    expect(stayer.deliveries.map(({ task }) => task.tid)).toEqual(['2'])
    void leaver.deliveries[0]!.ack(completeOf(leaver.deliveries[0]!))
    await clock.advance(10)
    expect(caller.completions('1')).toHaveLength(1)
    expect(leaver.deliveries).toHaveLength(1)
  })
})
