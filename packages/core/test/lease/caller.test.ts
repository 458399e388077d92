import { describe, expect, test } from 'vitest'

import { completeOf, outcomeOf, party, route, statusOf, taskOf } from '../support/lease-party.ts'

describe('ends', () => {
  test('the deadline ends it everywhere', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 60_000 })
    await caller.transport.send(taskOf('1', { deadline: clock.now() + 2_000 }))
    await clock.advance(100)
    const codes: string[] = []
    worker.deliveries[0]!.onRevoke(({ code }) => codes.push(code))
    await clock.advance(1_910)
    expect(caller.completions('1')).toMatchObject([
      { status: 'expired', attempt: 1, error: { code: 'ERR_AETHER_DEADLINE_EXCEEDED' } },
    ])
    expect(codes).toEqual(['ERR_AETHER_DEADLINE_EXCEEDED'])
    await expect(worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!))).rejects.toMatchObject({
      code: 'ERR_AETHER_LEASE_LOST',
    })
  })

  test('time to live ends only what nobody began', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    await caller.transport.send(taskOf('waits', { ttlMs: 1_000 }))
    await clock.advance(1_001)
    expect(caller.completions('waits')).toMatchObject([
      { status: 'expired', attempt: 0, error: { code: 'ERR_AETHER_TASK_EXPIRED' } },
    ])
    const worker = await member('worker')
    await worker.consume({ leaseMs: 60_000 })
    await caller.transport.send(taskOf('runs', { ttlMs: 1_000 }))
    await clock.advance(5_000)
    expect(caller.completions('runs')).toHaveLength(0)
  })

  test('cancel revokes the worker and is one terminal', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const cancels: string[] = []
    await worker.transport.listen({ action: 'cancel' }, (event) => cancels.push(event.tid))
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(50)
    const reasons: string[] = []
    worker.deliveries[0]!.onRevoke(({ code, message }) => reasons.push(`${code} ${message}`))
    await caller.transport.cancel(route, '1', 'user left')
    await clock.advance(10)
    expect(caller.completions('1')).toMatchObject([
      { status: 'cancelled', attempt: 1, error: { message: 'user left' } },
    ])
    expect(reasons).toEqual(['ERR_AETHER_TASK_CANCELLED user left'])
    expect(cancels).toEqual(['1'])
    await expect(caller.transport.cancel(route, '1', 'again')).rejects.toMatchObject({
      code: 'ERR_AETHER_TASK_UNKNOWN',
    })
  })

  test('an offer still under way meets the tombstone of its cancel', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    hub.fate = ({ kind }) => (kind === 'offer' ? [500] : [1])
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    await caller.transport.cancel(route, '1', 'enough')
    await clock.advance(1_000)
    expect(worker.deliveries).toHaveLength(0)
    expect(caller.completions('1')).toMatchObject([{ status: 'cancelled', attempt: 0 }])
  })

  test('cancel knows of a worker whose first word is still on its way', async () => {
    const { clock, member } = party({ acceptDelayMs: 100 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(5)
    await caller.transport.cancel(route, '1', 'enough')
    await caller.transport.cancel(route, '1', 'twice')
    await clock.advance(5)
    expect(caller.completions('1')).toMatchObject([
      { status: 'cancelled', attempt: 1, error: { message: 'enough' } },
    ])
    await expect(worker.deliveries[0]!.renew()).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
  })

  test('a worker that missed the cancel learns it with its next word', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(50)
    hub.fate = () => []
    await caller.transport.cancel(route, '1', 'enough')
    await clock.advance(10)
    hub.fate = () => [1]
    const codes: string[] = []
    worker.deliveries[0]!.onRevoke(({ code }) => codes.push(code))
    const renewed = outcomeOf(worker.deliveries[0]!.renew())
    await clock.advance(10)
    expect(codes).toEqual(['ERR_AETHER_TASK_CANCELLED'])
    expect(renewed.value).toBe('ERR_AETHER_LEASE_LOST')
  })
})

describe('a tid', () => {
  test('is performed once by its caller, live or finished', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    expect(await caller.transport.send(taskOf('1'))).toEqual({ deduplicated: true })
    await clock.advance(5)
    void worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!))
    await clock.advance(5)
    expect(caller.completions('1')).toHaveLength(1)
    expect(await caller.transport.send(taskOf('1'))).toEqual({ deduplicated: true })
    await clock.advance(5)
    expect(caller.completions('1')).toHaveLength(2)
    expect(worker.deliveries).toHaveLength(1)
  })

  test('that a worker finished is answered from memory when another caller performs it', async () => {
    const { clock, member } = party()
    const [one, two] = [await member('one'), await member('two')]
    const worker = await member('worker')
    await worker.consume()
    await one.transport.send(taskOf('1'))
    await clock.advance(5)
    void worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!, { client: 'once' }))
    await clock.advance(5)
    await two.transport.send(taskOf('1'))
    await clock.advance(5)
    expect(two.completions('1')).toMatchObject([{ client: 'once', status: 'succeed' }])
    expect(worker.deliveries).toHaveLength(1)
  })

  test('is refused beyond the open tasks that an instance may have', async () => {
    const { member } = party({ maxOpen: 1 })
    const caller = await member('caller')
    await caller.transport.send(taskOf('1'))
    await expect(caller.transport.send(taskOf('2'))).rejects.toMatchObject({
      code: 'ERR_AETHER_QUEUE_FULL',
      retryable: true,
    })
  })
})

describe('workgroups', () => {
  test('each get their copy; the named one answers; each counts its own attempts', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const audit = await member('audit')
    await worker.consume()
    await audit.consume({ workgroup: 'audit' })
    const completes: string[] = []
    await caller.transport.listen(
      { action: 'complete' },
      (event) => event.action === 'complete' && completes.push(event.workgroup),
    )
    await caller.transport.send(taskOf('1'))
    await clock.advance(20)
    const observed = audit.deliveries[0]!
    await observed.report({ ...statusOf(observed, 1), workgroup: 'audit' })
    void observed.release({ failed: true })
    await clock.advance(20)
    expect(caller.events).toEqual([])
    expect(audit.deliveries.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1])
    void worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!))
    await clock.advance(20)
    expect(caller.completions('1')).toMatchObject([{ workgroup: 'workers' }])
    const acked = outcomeOf(
      audit.deliveries[1]!.ack(completeOf(audit.deliveries[1]!, { workgroup: 'audit' })),
    )
    await clock.advance(20)
    expect(acked.value).toBe('resolved')
    expect(caller.completions('1')).toHaveLength(1)
    expect(completes).toEqual(['workers', 'audit'])
  })

  test('an observer that dies hands its copy to another of its group', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const [one, two] = [await member('one'), await member('two')]
    const worker = await member('worker')
    await worker.consume({}, (delivery) => void delivery.ack(completeOf(delivery)))
    await one.consume({ workgroup: 'audit', leaseMs: 1_000 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(50)
    one.kill()
    await two.consume({ workgroup: 'audit', leaseMs: 1_000 })
    await clock.advance(1_500)
    expect(two.deliveries.map(({ attempt }) => attempt)).toEqual([2])
    expect(worker.deliveries).toHaveLength(1)
  })

  test('observers without room are offered their copies again, though the task is over', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const audit = await member('audit', { maxHeld: 1 })
    await worker.consume({}, (delivery) => void delivery.ack(completeOf(delivery)))
    await audit.consume({ workgroup: 'audit', credit: 1 }, (delivery) => {
      audit.clock.setTimer(() => void delivery.ack(completeOf(delivery, { workgroup: 'audit' })), 100)
    })
    const tids = ['1', '2', '3', '4', '5']
    for (const tid of tids) await caller.transport.send(taskOf(tid))
    await clock.advance(10)
    for (const tid of tids) expect(caller.completions(tid)).toMatchObject([{ workgroup: 'workers' }])
    await clock.advance(5_000)
    expect(audit.deliveries.map(({ task }) => task.tid).toSorted()).toEqual(tids)
    expect(caller.completions('5')).toHaveLength(1)
  })

  test('observers that say nothing more are given up after some offers', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const audit = await member('audit')
    await worker.consume({}, (delivery) => void delivery.ack(completeOf(delivery)))
    const consumer = await audit.consume({ workgroup: 'audit' })
    hub.fate = ({ kind, to }) => (kind === 'offer' && to === 'inbox-audit' ? [20] : [1])
    await caller.transport.send(taskOf('1', { deadline: clock.now() + 3_600_000 }))
    await clock.advance(10)
    // Its copy comes when it has gone: it says that it has no room.
    await consumer.close()
    await clock.advance(40_000)
    const offers = hub.sent.filter(({ kind }) => kind === 'offer').length
    await clock.advance(600_000)
    expect(hub.sent.filter(({ kind }) => kind === 'offer')).toHaveLength(offers)
    expect(audit.deliveries).toHaveLength(0)
    expect(worker.deliveries).toHaveLength(1)
  })

  test('observers are waited for longer where answers take long', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const audit = await member('audit')
    await worker.consume({}, (delivery) => void delivery.ack(completeOf(delivery)))
    await audit.consume({ workgroup: 'audit' })
    hub.fate = ({ to }) => (to === 'inbox-audit' ? [1_500] : [400])
    await caller.transport.send(taskOf('1'))
    await clock.advance(2_500)
    expect(caller.completions('1')).toHaveLength(1)
    const acked = outcomeOf(
      audit.deliveries[0]!.ack(completeOf(audit.deliveries[0]!, { workgroup: 'audit' })),
    )
    await clock.advance(3_000)
    expect(acked.value).toBe('resolved')
  })
})
