import type { AetherError, AetherEvent, Delivery, TaskMessage } from '@aether/core'
import { describe, expect, test, vi } from 'vitest'

import { createMemoryHub, memory } from '../src/index.ts'
import { completeOf, progressOf, route, startedPeer, taskOf } from './peer.ts'

describe('memory', () => {
  test('a task goes to a worker and its completion back, each in a later turn', async () => {
    const transport = memory()
    const peer = await startedPeer(transport)
    const deliveries: Delivery[] = []
    await transport.consume(route, { workgroup: 'workers', credit: 4, leaseMs: 1_000 }, (d) =>
      deliveries.push(d),
    )
    const task = taskOf()
    const sending = transport.send(task)
    expect(deliveries).toHaveLength(0)
    expect(await sending).toEqual({ deduplicated: false })
    await vi.waitFor(() => expect(deliveries).toHaveLength(1))
    const [delivery] = deliveries as [Delivery]
    // The very message: nothing is copied.
    expect(delivery.task).toBe(task)
    await delivery.report(progressOf(delivery, 1))
    const acking = delivery.ack(completeOf(delivery))
    expect(peer.events.some((event) => event.action === 'complete')).toBe(false)
    await acking
    await vi.waitFor(() => expect(peer.events.map((event) => event.action)).toEqual(['status', 'complete']))
    await transport.close()
  })

  test.each([
    ['bodies', (delivery: Delivery) => delivery.ack({ ...completeOf(delivery), body: new Uint8Array(400) })],
    [
      'texts of errors',
      (delivery: Delivery) =>
        delivery.ack({
          ...completeOf(delivery),
          status: 'failed',
          error: { code: 'ERR_AETHER_TASK_FAILED', message: 'x'.repeat(200), retryable: false },
        }),
    ],
    [
      'texts of last attempts',
      (delivery: Delivery) =>
        delivery.release({
          failed: true,
          error: { code: 'ERR_AETHER_TASK_FAILED', message: 'x'.repeat(200), retryable: false },
        }),
    ],
  ])('results weigh by their %s: past the limit the oldest is forgotten', async (_name, end) => {
    const hub = createMemoryHub({ limits: { maxResultBytes: 1_000 } })
    const transport = hub.transport()
    const { events } = await startedPeer(transport)
    await transport.consume(route, { workgroup: 'workers', credit: 4, leaseMs: 1_000 }, (d) => void end(d))
    const tids = ['first', 'second', 'third']
    for (const tid of tids) await transport.send(taskOf({ tid, attempts: 1 }))
    await vi.waitFor(() => expect(events).toHaveLength(3))
    await expect(transport.attach(route, 'first')).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_UNKNOWN' })
    await transport.attach(route, 'second')
    await transport.attach(route, 'third')
    await hub.close()
  })

  test('what came before close still reaches the application', async () => {
    const transport = memory()
    const peer = await startedPeer(transport)
    await transport.consume(
      route,
      { workgroup: 'workers', credit: 4, leaseMs: 1_000 },
      (d) => void d.ack(completeOf(d)),
    )
    await transport.send(taskOf())
    await transport.close()
    expect(peer.events.map((event) => event.action)).toEqual(['complete'])
  })

  test('an endless chain of tasks leaves turns to timers', async () => {
    const transport = memory()
    let isFired = false
    let done = 0
    const peer = await startedPeer(transport, () => {
      done++
      if (!isFired) void transport.send(taskOf())
    })
    await transport.consume(
      route,
      { workgroup: 'workers', credit: 4, leaseMs: 1_000 },
      (d) => void d.ack(completeOf(d)),
    )
    setTimeout(() => (isFired = true), 20)
    await transport.send(taskOf())
    await vi.waitFor(() => expect(isFired).toBe(true))
    expect(done).toBeGreaterThan(1)
    expect(peer.events.length).toBeGreaterThan(1)
    await transport.close()
  })

  test('a callback that throws is logged and stops nothing', async () => {
    const transport = memory()
    const peer = await startedPeer(transport, () => {
      throw new Error('from the application')
    })
    await transport.consume(
      route,
      { workgroup: 'workers', credit: 4, leaseMs: 1_000 },
      (d) => void d.ack(completeOf(d)),
    )
    await transport.send(taskOf())
    await vi.waitFor(() => expect(peer.errors).toHaveLength(1))
    await transport.send(taskOf())
    await vi.waitFor(() => expect(peer.errors).toHaveLength(2))
    await transport.close()
  })

  test('bodies over the limit are refused, wherever they enter', async () => {
    const transport = memory({ maxPayloadBytes: 10 })
    expect(transport.capabilities.maxPayloadBytes).toBe(10)
    await startedPeer(transport)
    const deliveries: Delivery[] = []
    await transport.consume(route, { workgroup: 'workers', credit: 4, leaseMs: 1_000 }, (d) =>
      deliveries.push(d),
    )
    const code = 'ERR_AETHER_PAYLOAD_TOO_LARGE'
    const large = new Uint8Array(11)
    await expect(transport.send(taskOf({ body: large }))).rejects.toMatchObject({ code })
    await transport.send(taskOf({ body: new Uint8Array(10) }))
    await vi.waitFor(() => expect(deliveries).toHaveLength(1))
    const [delivery] = deliveries as [Delivery]
    await expect(delivery.report({ ...progressOf(delivery, 1), body: large })).rejects.toMatchObject({ code })
    await expect(delivery.ack({ ...completeOf(delivery), body: large })).rejects.toMatchObject({ code })
    await delivery.ack(completeOf(delivery))
    await transport.close()
  })

  test('options with wrong types or names are refused', () => {
    const code = 'ERR_AETHER_OPTIONS_INVALID'
    expect(() => memory({ maxPayloadBytes: 0 })).toThrow(expect.objectContaining({ code }))
    expect(() => memory({ dispatch: 'first' as 'random' })).toThrow(expect.objectContaining({ code }))
    expect(() => memory({ limits: { maxQueued: -1 } })).toThrow(expect.objectContaining({ code }))
    expect(() => memory({ colour: 'red' } as object)).toThrow(
      expect.objectContaining({ code, name: 'AetherError' }),
    )
  })
})

describe('a hub', () => {
  test('is shared by several applications, and keeps results when one closes', async () => {
    const hub = createMemoryHub()
    const caller = hub.transport()
    const worker = hub.transport()
    const callerPeer = await startedPeer(caller)
    await startedPeer(worker)
    await worker.consume(
      route,
      { workgroup: 'workers', credit: 1, leaseMs: 1_000 },
      (d) => void d.ack(completeOf(d)),
    )
    const task = taskOf()
    await caller.send(task)
    await vi.waitFor(() => expect(callerPeer.events).toHaveLength(1))
    expect(hub.stats()).toMatchObject({ accepted: 1, succeeded: 1, open: 0 })
    await caller.close()
    await worker.close()
    const later = hub.transport()
    const laterPeer = await startedPeer(later)
    await later.attach(route, task.tid)
    await vi.waitFor(() => expect(laterPeer.events).toHaveLength(1))
    await hub.close()
    expect(later.state.status).toBe('closed')
  })

  test('listeners hear status and complete of every workgroup, and what is published', async () => {
    const hub = createMemoryHub()
    const transport = hub.transport()
    await startedPeer(transport)
    const heard: AetherEvent[] = []
    const listener = await transport.listen({ task: 'task' }, (event) => heard.push(event))
    const other: AetherEvent[] = []
    await transport.listen({ job: 'another' }, (event) => other.push(event))
    await transport.consume(route, { workgroup: 'audit', credit: 1, leaseMs: 1_000 }, (d) => {
      void d.report(progressOf(d, 1)).then(() => d.ack({ ...completeOf(d), workgroup: 'audit' }))
    })
    await transport.send(taskOf())
    await vi.waitFor(() => expect(heard.map((event) => event.action)).toEqual(['status', 'complete']))
    await transport.publish({ action: 'cancel', route, tid: 'x', client: 'c', host: 'h', reason: 'because' })
    await vi.waitFor(() =>
      expect(heard.map((event) => event.action)).toEqual(['status', 'complete', 'cancel']),
    )
    await listener.close()
    await transport.publish({ action: 'cancel', route, tid: 'x', client: 'c', host: 'h', reason: 'again' })
    await hub.close()
    expect(heard).toHaveLength(3)
    expect(other).toEqual([])
  })

  test('a transport that is cut off loses its leases, waits with its calls and comes back whole', async () => {
    const hub = createMemoryHub()
    const transport = hub.transport({ maxPending: 1, connectTimeoutMs: 5_000 })
    const other = hub.transport()
    const peer = await startedPeer(transport)
    await startedPeer(other)
    const deliveries: Delivery[] = []
    const revoked: AetherError[] = []
    const heard: AetherEvent[] = []
    await transport.listen({}, (event) => heard.push(event))
    await transport.consume(route, { workgroup: 'workers', credit: 1, leaseMs: 60_000 }, (d) => {
      deliveries.push(d)
      d.onRevoke((reason) => revoked.push(reason))
    })
    const task = taskOf()
    await transport.send(task)
    await vi.waitFor(() => expect(deliveries).toHaveLength(1))
    hub.cut(transport)
    expect(transport.state.status).toBe('reconnecting')
    await vi.waitFor(() => expect(revoked.map((reason) => reason.code)).toEqual(['ERR_AETHER_LEASE_LOST']))
    await expect(
      (deliveries[0] as Delivery).ack(completeOf(deliveries[0] as Delivery)),
    ).rejects.toMatchObject({
      code: 'ERR_AETHER_LEASE_LOST',
    })
    const waiting = transport.send(taskOf())
    await expect(transport.send(taskOf())).rejects.toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
    await other.consume(
      route,
      { workgroup: 'workers', credit: 1, leaseMs: 60_000 },
      (d) => void d.ack(completeOf(d)),
    )
    await vi.waitFor(() => expect(hub.stats()).toMatchObject({ succeeded: 1 }))
    expect(peer.events).toEqual([])
    hub.heal(transport)
    expect(transport.state).toEqual({ status: 'ready', generation: 2 })
    expect(await waiting).toEqual({ deduplicated: false })
    await vi.waitFor(() => expect(peer.events.map((event) => event.tid)).toContain(task.tid))
    await vi.waitFor(() => expect(heard.some((event) => event.action === 'complete')).toBe(true))
    await hub.close()
  })

  test('a call that waits too long for the connection is refused', async () => {
    const hub = createMemoryHub({ connectTimeoutMs: 20 })
    const transport = hub.transport()
    await startedPeer(transport)
    hub.cut(transport)
    await expect(transport.send(taskOf())).rejects.toMatchObject({ code: 'ERR_AETHER_CONNECT_TIMEOUT' })
    const waiting = transport.send(taskOf())
    await transport.close()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
    await hub.close()
  })
})

test('a call may wait for a connection for longer than a timer of Node lasts', async () => {
  const hub = createMemoryHub({ connectTimeoutMs: 2 ** 31 })
  const transport = hub.transport()
  await startedPeer(transport)
  hub.cut(transport)
  const sending = transport.send(taskOf({ waitForWorkers: true }))
  // A timer that is set for too long fires within a millisecond.
  await new Promise((resolve) => setTimeout(resolve, 20))
  hub.heal(transport)
  expect(await sending).toEqual({ deduplicated: false })
  await hub.close()
})

test('nothing keeps the process alive after close', async () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const transport = memory()
  await startedPeer(transport)
  await transport.consume(route, { workgroup: 'workers', credit: 1, leaseMs: 60_000 }, () => undefined)
  await transport.send(taskOf())
  await vi.waitFor(() =>
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeGreaterThan(
      before,
    ),
  )
  await transport.close()
  await vi.waitFor(() =>
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before),
  )
})

test('dead letters can be looked at', async () => {
  const hub = createMemoryHub()
  const transport = hub.transport()
  await startedPeer(transport)
  const error = { code: 'ERR_AETHER_TASK_FAILED', message: 'never works', retryable: false }
  await transport.consume(
    route,
    { workgroup: 'workers', credit: 1, leaseMs: 1_000 },
    (d) => void d.release({ failed: true, error }),
  )
  const task: TaskMessage = taskOf({ attempts: 2 })
  await transport.send(task)
  await vi.waitFor(() =>
    expect(hub.deadLetters()).toEqual([
      { task, workgroup: 'workers', attempts: 2, reason: 'attempts-exhausted', error },
    ]),
  )
  await hub.close()
})

test('events are refused rather than piled up, and who awaits is slowed down instead', async () => {
  const transport = memory()
  await startedPeer(transport)
  let heard = 0
  await transport.listen({}, () => heard++)
  const event = { action: 'cancel', route, tid: 'x', client: 'c', host: 'h', reason: 'because' } as const
  let isFired = false
  setTimeout(() => {
    isFired = true
  }, 20)
  let published = 0
  while (!isFired) {
    await transport.publish(event)
    published++
  }
  await vi.waitFor(() => expect(heard).toBe(published))
  const flood = await Promise.allSettled(Array.from({ length: 100_100 }, () => transport.publish(event)))
  const refused = flood.filter((result) => result.status === 'rejected')
  expect(refused.length).toBeGreaterThan(0)
  expect(refused.length).toBeLessThanOrEqual(100)
  expect((refused[0] as PromiseRejectedResult).reason).toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
  await vi.waitFor(() => expect(heard).toBe(published + flood.length - refused.length))
  await transport.close()
})

test('a delivery that was on its way to a consumer which closes goes to another', async () => {
  const transport = memory()
  const peer = await startedPeer(transport)
  const options = { workgroup: 'workers', credit: 1, leaseMs: 60_000 }
  const closing = await transport.consume(route, options, () => expect.unreachable())
  const sending = transport.send(taskOf({ attempts: 1 }))
  const closed = closing.close()
  await Promise.all([sending, closed])
  await transport.consume(route, options, (delivery) => void delivery.ack(completeOf(delivery)))
  await vi.waitFor(() =>
    expect(peer.events).toMatchObject([{ action: 'complete', status: 'succeed', attempt: 2 }]),
  )
  await transport.close()
})
