import { describe, expect, test } from 'vitest'

import { completeOf, outcomeOf, party, route, statusOf, taskOf } from '../support/lease-party.ts'
import type { Message } from '../support/lossy-hub.ts'

const isSignal = (kind: string) => (message: Message) => message.signal?.kind === kind

describe('the way of a task', () => {
  test('it is accepted, reported, completed and confirmed, each once', async () => {
    const { clock, hub, member } = party({ acceptDelayMs: 10 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    expect(await caller.transport.send(taskOf('1'))).toEqual({ deduplicated: false })
    await clock.advance(2)
    const [delivery] = worker.deliveries
    expect(delivery).toMatchObject({ attempt: 1, task: { tid: '1', workgroup: 'workers', attempts: 3 } })
    await delivery!.report(statusOf(delivery!, 1))
    const acked = outcomeOf(delivery!.ack(completeOf(delivery!)))
    await clock.advance(1)
    expect(caller.events.map(({ action }) => action)).toEqual(['status', 'complete'])
    expect(acked.value).toBe('pending')
    await clock.advance(1)
    expect(acked.value).toBe('resolved')
    await clock.advance(30_000)
    expect(caller.completions('1')).toHaveLength(1)
    expect(caller.completions('1')[0]).toMatchObject({ status: 'succeed', attempt: 1, client: 'worker' })
    // Four messages in all: neither accept nor renewal was needed.
    expect(hub.sent.map((message) => message.signal?.kind ?? message.kind)).toEqual([
      'offer',
      'status',
      'complete',
      'confirm',
    ])
  })

  test('a task that takes longer is accepted after a moment', async () => {
    const { clock, hub, member } = party({ acceptDelayMs: 10 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(20)
    expect(hub.sent.filter(isSignal('accept'))).toHaveLength(1)
  })
})

describe('offers', () => {
  test('that the engine refuses for good end what nobody began, also where no call waits for them', async () => {
    const { clock, hub, member } = party({ window: 1 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    hub.maxMessageBytes = 2_000
    const body = new TextEncoder().encode(JSON.stringify('x'.repeat(3_000)))
    await caller.transport.send(taskOf('out'))
    await caller.transport.send(taskOf('behind', { body }))
    await caller.transport.send(taskOf('later', { body, delayMs: 500 }))
    await clock.advance(5)
    expect(caller.completions('behind')).toMatchObject([
      { status: 'failed', attempt: 0, error: { code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' } },
    ])
    await clock.advance(600)
    expect(caller.completions('later')).toHaveLength(1)
    expect(worker.deliveries).toHaveLength(1)
  })

  test('that found nobody are made again soon after somebody consumes; those on their way are not', async () => {
    const { clock, hub, member, close } = party({ resendMs: 1_000, resendMaxMs: 60_000 })
    hub.knowsNobody = true
    const caller = await member('caller')
    const worker = await member('worker')
    await caller.transport.send(taskOf('1', { waitForWorkers: true }))
    await clock.advance(20_000)
    await worker.consume({ leaseMs: 60_000 })
    const onServed = caller.relay.host?.onServed
    onServed?.({ ...route, context: 'other' }, 'workers')
    onServed?.(route, 'audit')
    await clock.advance(500)
    expect(worker.deliveries).toHaveLength(0)
    onServed?.({ ...route, context: '+' }, 'workers')
    await clock.advance(200)
    expect(worker.deliveries).toHaveLength(0)
    // Further ones put nothing off.
    onServed?.(route, 'workers')
    await clock.advance(60)
    expect(worker.deliveries).toHaveLength(1)
    hub.fate = ({ kind }) => (kind === 'offer' ? [500] : [1])
    await caller.transport.send(taskOf('2'))
    const before = hub.sent.length
    onServed?.(route, 'workers')
    await clock.advance(400)
    expect(hub.sent.slice(before).filter(({ kind }) => kind === 'offer')).toEqual([])
    await close()
  })

  test('are made again, ever more rarely, until a worker answers', async () => {
    const { clock, hub, member } = party({ resendMs: 1_000, resendMaxMs: 4_000 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 60_000 })
    const times: number[] = []
    hub.fate = ({ kind }) => {
      if (kind === 'offer') times.push(clock.monotonic())
      return times.length < 5 ? [] : [1]
    }
    await caller.transport.send(taskOf('1'))
    await clock.advance(20_000)
    expect(times).toEqual([0, 1_000, 3_000, 7_000, 11_000])
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1])
  })

  test('reach a workgroup that subscribes later', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    await caller.transport.send(taskOf('1'))
    await clock.advance(500)
    const worker = await member('worker')
    await worker.consume()
    await clock.advance(1_000)
    expect(worker.deliveries).toHaveLength(1)
  })

  test('that arrive twice begin once', async () => {
    const { clock, hub, member } = party()
    hub.fate = ({ kind }) => (kind === 'offer' ? [1, 5, 30] : [1])
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(100)
    expect(worker.deliveries).toHaveLength(1)
  })

  test('wait longer where answers are slow, and do not have a task done twice', async () => {
    const { clock, hub, member } = party({ resendMs: 1_000 })
    const caller = await member('caller')
    const [one, two] = [await member('one'), await member('two')]
    for (const worker of [one, two])
      await worker.consume(
        { credit: 100 },
        (delivery) => void delivery.ack(completeOf(delivery)).catch(() => undefined),
      )
    hub.fate = () => [450]
    await caller.transport.send(taskOf('warm'))
    await clock.advance(5_000)
    hub.fate = () => [700]
    await caller.transport.send(taskOf('slow'))
    await clock.advance(5_000)
    expect(hub.sent.filter(({ task }) => task?.tid === 'slow')).toHaveLength(1)
    expect(caller.completions('slow')).toHaveLength(1)
  })

  test('no more than the window are out, the others follow in order', async () => {
    const { clock, hub, member } = party({ window: 4 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ credit: 2 })
    for (let n = 0; n < 10; n++) await caller.transport.send(taskOf(String(n)))
    await clock.advance(50)
    // Two begun, so two more went out after the first four.
    expect(hub.sent.filter(({ kind }) => kind === 'offer')).toHaveLength(6)
    for (let n = 0; n < 10; n++) {
      const delivery = worker.deliveries[n]!
      void delivery.ack(completeOf(delivery))
      await clock.advance(50)
    }
    expect(worker.deliveries.map(({ task }) => task.tid)).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
    ])
  })

  test('that find nobody reject at once where the engine knows, and wait where that was asked for', async () => {
    const { clock, hub, member } = party()
    hub.knowsNobody = true
    const caller = await member('caller')
    await expect(caller.transport.send(taskOf('1', { waitForWorkers: false }))).rejects.toMatchObject({
      code: 'ERR_AETHER_WORKERS_NONE',
      retryable: true,
    })
    expect(await caller.transport.send(taskOf('2'))).toEqual({ deduplicated: false })
    const worker = await member('worker')
    await worker.consume({ leaseMs: 60_000 })
    await clock.advance(5_000)
    expect(worker.deliveries.map(({ task }) => task.tid)).toEqual(['2'])
    // The refused one was never accepted: it may be sent again.
    expect(await caller.transport.send(taskOf('1'))).toEqual({ deduplicated: false })
  })

  test('wait for their delay', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1', { delayMs: 5_000 }))
    await clock.advance(4_999)
    expect(worker.deliveries).toHaveLength(0)
    await clock.advance(2)
    expect(worker.deliveries).toHaveLength(1)
  })

  test('a caller that stood still reads what was answered before it offers again', async () => {
    const { clock, hub, member, close } = party({ resendMs: 1_000 })
    const caller = await member('caller')
    const worker = await member('worker')
    const other = await member('other')
    await worker.consume({ leaseMs: 60_000 })
    await caller.transport.send(taskOf('1'))
    caller.freeze()
    await clock.advance(5_000)
    await other.consume({ leaseMs: 60_000 })
    caller.thaw()
    await clock.advance(1_000)
    expect(hub.sent.filter(({ kind }) => kind === 'offer')).toHaveLength(1)
    await close()
  })

  test('and offers again what nobody answered', async () => {
    const { clock, hub, member, close } = party({ resendMs: 1_000 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 60_000 })
    hub.fate = () => []
    await caller.transport.send(taskOf('1'))
    caller.freeze()
    await clock.advance(5_000)
    hub.fate = () => [1]
    caller.thaw()
    await clock.advance(500)
    expect(worker.deliveries).toHaveLength(1)
    await close()
  })
})
