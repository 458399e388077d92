import { describe, expect, test } from 'vitest'

import { completeOf, failure, outcomeOf, party, route, statusOf, taskOf } from '../support/lease-party.ts'
import type { Message } from '../support/lossy-hub.ts'

const isSignal = (kind: string) => (message: Message) => message.signal?.kind === kind

describe('the way of a task', () => {
  test('it is accepted, reported, completed and confirmed, each once', async () => {
    const { clock, hub, member } = party()
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
})

describe('leases', () => {
  test('a killed worker loses the task to another, under the next attempt', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const [first, second] = [await member('first'), await member('second')]
    await first.consume({ leaseMs: 3_000 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(100)
    await second.consume({ leaseMs: 3_000 })
    first.kill()
    await clock.advance(3_200)
    expect(second.deliveries.map(({ attempt }) => attempt)).toEqual([2])
    const delivery = second.deliveries[0]!
    void delivery.ack(completeOf(delivery))
    await clock.advance(10)
    expect(caller.completions('1')).toMatchObject([{ attempt: 2, status: 'succeed' }])
  })

  test('renewing holds a lease for as long as it goes on', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 3_000 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    const delivery = worker.deliveries[0]!
    for (let n = 0; n < 10; n++) {
      await clock.advance(1_000)
      const renewed = outcomeOf(delivery.renew())
      await clock.advance(2)
      expect(renewed.value).toBe('resolved')
    }
    expect(worker.deliveries).toHaveLength(1)
    await clock.advance(4_000)
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1, 2])
  })

  test('a frozen worker that comes back is refused, and learns it', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const [zombie, other] = [await member('zombie'), await member('other')]
    await zombie.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(100)
    const stale = zombie.deliveries[0]!
    const reasons: string[] = []
    stale.onRevoke(({ code }) => reasons.push(code))
    await other.consume()
    zombie.freeze()
    await clock.advance(4_000)
    // It finishes what it was at before it has read anything, or looked at its clock.
    zombie.relay.thaw()
    const acked = outcomeOf(stale.ack(completeOf(stale, { client: 'zombie' })))
    await clock.advance(10)
    zombie.thaw()
    expect(acked.value).toBe('ERR_AETHER_LEASE_LOST')
    const fresh = other.deliveries.find(({ attempt }) => attempt === 2) ?? zombie.deliveries[1]!
    void fresh.ack(completeOf(fresh, { client: 'fresh' }))
    await clock.advance(10)
    expect(caller.completions('1')).toMatchObject([{ client: 'fresh', attempt: 2 }])
  })

  test('a worker that is cut off stops before another begins', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const [cut, other] = [await member('cut'), await member('other')]
    await cut.consume({ leaseMs: 3_000 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(100)
    const log: string[] = []
    cut.deliveries[0]!.onRevoke(({ code }) => log.push(code))
    await other.consume({ leaseMs: 3_000 }, ({ attempt }) => log.push(`begun ${attempt}`))
    hub.fate = ({ from, to }) => (from === 'inbox-cut' || to === 'inbox-cut' ? [] : [1])
    const renewed = outcomeOf(cut.deliveries[0]!.renew())
    for (let n = 0; n < 8; n++) await clock.advance(1_000)
    expect(log[0]).toBe('ERR_AETHER_LEASE_LOST')
    expect(log).toContain('begun 2')
    expect(renewed.value).toBe('ERR_AETHER_LEASE_LOST')
    await expect(cut.deliveries[0]!.report(statusOf(cut.deliveries[0]!, 1))).rejects.toMatchObject({
      code: 'ERR_AETHER_LEASE_LOST',
    })
    await expect(cut.deliveries[0]!.release()).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
  })

  test('an old answer to a renewal does not make the lease longer', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 3_000, credit: 1 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    const delivery = worker.deliveries[0]!
    const codes: string[] = []
    delivery.onRevoke(({ code }) => codes.push(code))
    // The first answer comes twice, the second time after the caller became unreachable.
    hub.fate = ({ signal }) => (signal?.kind === 'renewed' ? [1, 2_500] : [1])
    void delivery.renew()
    await clock.advance(100)
    hub.fate = () => []
    const second = outcomeOf(delivery.renew())
    await clock.advance(3_000)
    expect(second.value).toBe('ERR_AETHER_LEASE_LOST')
    expect(codes).toEqual(['ERR_AETHER_LEASE_LOST'])
  })

  test('an ack is repeated until it is confirmed, and a repeated one is confirmed again', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(100)
    let dropped = 0
    hub.fate = ({ signal }) => (signal?.kind === 'confirm' && dropped++ < 3 ? [] : [1])
    const acked = outcomeOf(worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!)))
    await clock.advance(1_000)
    expect(acked.value).toBe('pending')
    await clock.advance(1_000)
    expect(acked.value).toBe('resolved')
    expect(caller.completions('1')).toHaveLength(1)
  })

  test('an ack that nobody answers ends with the lease', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 3_000 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(100)
    caller.kill()
    hub.fate = () => []
    const acked = outcomeOf(worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!)))
    await clock.advance(3_001)
    expect(acked.value).toBe('ERR_AETHER_LEASE_LOST')
  })

  test('a delivery is settled once', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(5)
    const delivery = worker.deliveries[0]!
    let revoked = 0
    delivery.onRevoke(() => (revoked += 1))
    void delivery.ack(completeOf(delivery))
    const again = outcomeOf(delivery.ack(completeOf(delivery)))
    await clock.advance(5)
    expect(again.value).toBe('ERR_AETHER_LEASE_LOST')
    expect(revoked).toBe(0)
  })

  test('a caller that stood still reads what came before it judges', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 3_000 }, (delivery) => void delivery)
    await caller.transport.send(taskOf('1'))
    await clock.advance(100)
    caller.freeze()
    const delivery = worker.deliveries[0]!
    await clock.advance(2_500)
    void delivery.renew().catch(() => undefined)
    await clock.advance(400)
    const acked = outcomeOf(delivery.ack(completeOf(delivery)))
    await clock.advance(1_600)
    caller.thaw()
    await clock.advance(1_500)
    expect(acked.value).toBe('resolved')
    expect(caller.completions('1')).toMatchObject([{ attempt: 1, status: 'succeed' }])
    expect(worker.deliveries).toHaveLength(1)
  })

  test('status that was repeated or overtaken is heard once and in order', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(5)
    const delivery = worker.deliveries[0]!
    hub.fate = ({ signal }) => (signal?.event?.action === 'status' && signal.event.seq === 1 ? [9] : [1, 2])
    for (const seq of [1, 2, 3]) await delivery.report(statusOf(delivery, seq))
    await clock.advance(50)
    expect(caller.events.map((event) => event.action === 'status' && event.seq)).toEqual([2, 3])
  })
})

describe('release', () => {
  test('what is given back does not count, what failed does, and past the last attempt it is a dead letter', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1', { attempts: 2 }))
    await clock.advance(5)
    void worker.deliveries[0]!.release()
    await clock.advance(5)
    void worker.deliveries[1]!.release({ failed: true, delayMs: 2_000, error: failure })
    await clock.advance(1_990)
    expect(worker.deliveries).toHaveLength(2)
    await clock.advance(20)
    expect(worker.deliveries[2]!.attempt).toBe(3)
    void worker.deliveries[2]!.release({ failed: true, error: failure })
    await clock.advance(5)
    expect(caller.completions('1')).toMatchObject([{ status: 'failed', attempt: 3, error: failure }])
    expect(caller.transport.deadLetters).toMatchObject([
      { task: { tid: '1' }, reason: 'attempts-exhausted', error: failure },
    ])
  })

  test('a lost lease counts too', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 1_000 })
    await caller.transport.send(taskOf('1', { attempts: 2 }))
    await clock.advance(5_000)
    expect(worker.deliveries).toHaveLength(2)
    expect(caller.completions('1')).toMatchObject([
      { status: 'failed', error: { code: 'ERR_AETHER_ATTEMPTS_EXHAUSTED' } },
    ])
  })

  test('dead letters are bounded, and a completion may ask for one', async () => {
    const { clock, member } = party({ maxDeadLetters: 2 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume(
      {},
      (delivery) =>
        void delivery.ack(completeOf(delivery, { status: 'failed', error: failure }), { deadLetter: true }),
    )
    for (const tid of ['1', '2', '3']) {
      await caller.transport.send(taskOf(tid))
      await clock.advance(10)
    }
    expect(caller.transport.deadLetters.map(({ task, reason }) => [task.tid, reason])).toEqual([
      ['2', 'rejected'],
      ['3', 'rejected'],
    ])
  })

  test('a repeated release is confirmed again and counts once', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1', { attempts: 2 }))
    await clock.advance(5)
    let dropped = 0
    hub.fate = ({ signal }) => (signal?.kind === 'confirm' && dropped++ < 2 ? [] : [1])
    const released = outcomeOf(worker.deliveries[0]!.release({ failed: true, delayMs: 30_000 }))
    await clock.advance(2_000)
    expect(released.value).toBe('resolved')
    expect(caller.completions('1')).toHaveLength(0)
    await clock.advance(29_000)
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1, 2])
  })
})

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
    expect(unknown.value).toBe('ERR_AETHER_TASK_UNKNOWN')
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
})

describe('peers that know no inbox', () => {
  test('their worker is tracked until its completion, by the deadline alone', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    const base = { route, tid: '1', workgroup: '', attempt: 0 }
    const event = {
      route,
      tid: '1',
      client: 'py',
      host: 'py',
      attempt: 0,
      workgroup: '',
      codec: 'json' as const,
    }
    caller.relay.host!.onSignal({
      ...base,
      kind: 'status',
      event: { ...event, action: 'status', status: 'progress', progress: 0, seq: 0 },
    })
    await clock.advance(50_000)
    caller.relay.host!.onSignal({
      ...base,
      kind: 'complete',
      event: { ...event, action: 'complete', status: 'succeed' },
    })
    await clock.advance(10)
    expect(caller.events).toMatchObject([
      { action: 'status', attempt: 1, workgroup: 'workers' },
      { action: 'complete', status: 'succeed', attempt: 1, workgroup: 'workers', client: 'py' },
    ])
  })

  test('their task is answered by topic, and what fails is handed on until its attempts are over', async () => {
    const { clock, member } = party()
    const python = await member('python')
    const worker = await member('worker')
    await worker.consume()
    const heard: string[] = []
    await python.relay.listen({ tid: '1' }, (event) =>
      heard.push(event.action === 'complete' ? event.status : event.action),
    )
    await python.relay.send(taskOf('1', { attempts: 2 }), { attempt: 1 })
    await clock.advance(5)
    await worker.deliveries[0]!.renew()
    await worker.deliveries[0]!.report(statusOf(worker.deliveries[0]!, 1))
    await worker.deliveries[0]!.release({ failed: true, delayMs: 100 })
    await clock.advance(200)
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1, 2])
    await worker.deliveries[1]!.ack(completeOf(worker.deliveries[1]!))
    await clock.advance(5)
    expect(heard).toEqual(['status', 'succeed'])
    await python.relay.send(taskOf('1'), { attempt: 1 })
    await clock.advance(5)
    expect(heard).toEqual(['status', 'succeed', 'succeed'])
    expect(worker.deliveries).toHaveLength(2)
  })
})

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
