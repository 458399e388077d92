import { describe, expect, test } from 'vitest'

import { completeOf, failure, outcomeOf, party, route, statusOf, taskOf } from '../support/lease-party.ts'

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

  test('a completion of an older attempt is refused, also while nobody has the newer one', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 3_000 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(100)
    worker.freeze()
    await clock.advance(3_500)
    hub.fate = ({ kind }) => (kind === 'offer' ? [] : [1])
    worker.relay.status = 'live'
    const stale = worker.deliveries[0]!
    const acked = outcomeOf(stale.ack(completeOf(stale)))
    await clock.advance(10)
    expect(acked.value).toBe('ERR_AETHER_LEASE_LOST')
    expect(caller.completions('1')).toHaveLength(0)
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

  test('a worker that stood still reports nothing under a lease that ended meanwhile', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 3_000, credit: 1 })
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    const delivery = worker.deliveries[0]!
    const outcomes: { value: string | undefined }[] = []
    const codes: string[] = []
    delivery.onRevoke(({ code }) => codes.push(code))
    // Due before the end of the lease, so it runs before the layer's own timer.
    worker.clock.setTimer(() => outcomes.push(outcomeOf(delivery.report(statusOf(delivery, 1)))), 1_000)
    await clock.advance(100)
    worker.freeze()
    await clock.advance(5_000)
    worker.thaw()
    await clock.advance(10)
    expect(outcomes.map(({ value }) => value)).toEqual(['ERR_AETHER_LEASE_LOST'])
    expect(codes).toEqual(['ERR_AETHER_LEASE_LOST'])
    expect(caller.events.filter(({ action }) => action === 'status')).toEqual([])
  })

  test('a worker of whom nothing was heard begins the offer anew when its lease is over', async () => {
    const { clock, hub, member } = party({ resendMs: 1_000, resendMaxMs: 2_000 })
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 2_500 })
    hub.fate = ({ from }) => (from === 'inbox-worker' ? [] : [1])
    await caller.transport.send(taskOf('1'))
    await clock.advance(2_000)
    hub.fate = () => [1]
    await clock.advance(1_500)
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1, 1])
    void worker.deliveries[1]!.ack(completeOf(worker.deliveries[1]!))
    await clock.advance(10)
    expect(caller.completions('1')).toMatchObject([{ attempt: 1, status: 'succeed' }])
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

  test('an offer that comes late is not begun again after its attempt was given back', async () => {
    const { clock, hub, member } = party()
    hub.fate = ({ offer }) => (offer?.attempt === 1 ? [1, 500] : [1])
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(5)
    void worker.deliveries[0]!.release({ delayMs: 2_000 })
    await clock.advance(1_000)
    expect(worker.deliveries).toHaveLength(1)
    await clock.advance(2_000)
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1, 2])
  })

  test('after a release under the same attempt a completion is not taken for its repetition', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(5)
    const delivery = worker.deliveries[0]!
    void delivery.release({ delayMs: 2_000 })
    await clock.advance(5)
    const answers: string[] = []
    worker.relay.host = { ...worker.relay.host!, onSignal: ({ kind }) => answers.push(kind) }
    const base = { route, tid: '1', workgroup: 'workers', attempt: 1, from: worker.relay.inbox }
    await worker.relay.signal(caller.relay.inbox, { ...base, kind: 'complete', event: completeOf(delivery) })
    await clock.advance(5)
    expect(answers).toEqual(['revoke'])
  })

  test('a release whose confirmation is overtaken by the next offer was accepted', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    hub.fate = ({ signal }) => [signal?.kind === 'confirm' ? 5 : 1]
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    const released = outcomeOf(worker.deliveries[0]!.release())
    await clock.advance(3)
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(released.value).toBe('resolved')
    const completed = outcomeOf(worker.deliveries[1]!.ack(completeOf(worker.deliveries[1]!)))
    await clock.advance(10)
    expect(completed.value).toBe('resolved')
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

  test('a completion that the engine finds too large leaves the lease as it was', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 3_000 })
    hub.maxMessageBytes = 1_000
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    const delivery = worker.deliveries[0]!
    const outcome = outcomeOf(delivery.ack(completeOf(delivery, { body: new Uint8Array(2_000) })))
    await clock.advance(10)
    expect(outcome.value).toBe('ERR_AETHER_PAYLOAD_TOO_LARGE')
    const renewed = outcomeOf(delivery.renew())
    await clock.advance(2_500)
    expect(renewed.value).toBe('resolved')
    const again = outcomeOf(delivery.ack(completeOf(delivery)))
    await clock.advance(10)
    expect(again.value).toBe('resolved')
    expect(caller.completions('1')).toMatchObject([{ status: 'succeed', attempt: 1 }])
  })

  test('a lease that is not held any longer after a completion too large ends in time', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume({ leaseMs: 3_000 })
    hub.maxMessageBytes = 1_000
    await caller.transport.send(taskOf('1', { attempts: 1 }))
    await clock.advance(10)
    const delivery = worker.deliveries[0]!
    const codes: string[] = []
    delivery.onRevoke(({ code }) => codes.push(code))
    outcomeOf(delivery.ack(completeOf(delivery, { body: new Uint8Array(2_000) })))
    await clock.advance(3_100)
    expect(codes).toEqual(['ERR_AETHER_LEASE_LOST'])
    const message = expect.stringMatching(/^task 1: .+ lost its lease/) as string
    expect(caller.completions('1')).toMatchObject([
      { error: { code: 'ERR_AETHER_ATTEMPTS_EXHAUSTED', message } },
    ])
  })
})
