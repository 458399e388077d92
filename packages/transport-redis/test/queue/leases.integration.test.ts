import type { Delivery } from '@aether/core'
import { createFaultProxy, pause, until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  betweenRuns,
  completeOf,
  newRoute,
  openQueueStage,
  queueModes,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

describe.each(queueModes)('leases in mode %s', (mode) => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage(mode)
  })
  afterAll(() => stage.close())

  it('leases of one workgroup differ, and each ends at its own time', async () => {
    const [quick, slow, caller] = [await stage.peer(), await stage.peer(), await stage.peer()]
    const route = newRoute()
    const slowHands = await slow.consume(route, { leaseMs: 600_000, credit: 1 })
    const first = taskOf(route)
    await caller.transport.send(first)
    await slowHands.of(first.tid)
    const quickHands = await quick.consume(route, { leaseMs: 400, credit: 1 })
    const second = taskOf(route)
    await caller.transport.send(second)
    const takenAt = performance.now()
    await quickHands.of(second.tid)
    const third = await stage.peer()
    const thirdHands = await third.consume(route, { leaseMs: 600_000 })
    const again = await Promise.race([thirdHands.of(second.tid, 2), quickHands.of(second.tid, 2)])
    // The promise of the bench: 1.5 leases from its beginning, and time for this machine.
    expect(performance.now() - takenAt).toBeLessThan(600 + 1_000)
    expect(performance.now() - takenAt).toBeGreaterThan(399)
    await again.ack(completeOf(again))
    await caller.completion(second.tid)
    const held = await slowHands.of(first.tid)
    await held.renew()
    await held.ack(completeOf(held))
    expect((await caller.completion(first.tid)).attempt).toBe(1)
  })

  it('a worker that learns by its own word that its lease is gone is told so, and not that its task was cancelled', async () => {
    const [worker, caller] = [await stage.peer(), await stage.peer()]
    const route = newRoute()
    const hands = await worker.consume(route, { leaseMs: 600_000 })
    const reasons: string[] = []
    const held: Delivery[] = []
    for (const task of [taskOf(route), taskOf(route)]) {
      await caller.transport.send(task)
      const delivery = await hands.of(task.tid)
      delivery.onRevoke(({ code }) => reasons.push(code))
      held.push(delivery)
    }
    const [renewed, acked] = held as [Delivery, Delivery]
    await stage.server.cli('flushall')
    await expect(renewed.renew()).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
    await expect(acked.ack(completeOf(acked))).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
    expect(reasons).toEqual(['ERR_AETHER_LEASE_LOST', 'ERR_AETHER_LEASE_LOST'])
  })

  it('many that are held by one that was killed go on together', async () => {
    const [dead, alive, caller] = [await stage.peer(), await stage.peer(), await stage.peer()]
    const route = newRoute()
    const lost = await dead.consume(route, { leaseMs: 700, credit: 300 })
    const tasks = Array.from({ length: 300 }, () => taskOf(route))
    await Promise.all(tasks.map((task) => caller.transport.send(task)))
    await until(() => lost.deliveries.length === 300)
    await lost.close()
    const found: Delivery[] = []
    await alive.transport.consume(
      route,
      { workgroup: 'workers', credit: 300, leaseMs: 30_000 },
      (delivery) => {
        found.push(delivery)
      },
    )
    await until(() => found.length === 300, { timeoutMs: 5_000 })
    expect(new Set(found.map(({ task }) => task.tid)).size).toBe(300)
    expect(found.every(({ attempt }) => attempt === 2)).toBe(true)
    await Promise.all(found.map((delivery) => delivery.ack(completeOf(delivery))))
    for (const { tid } of tasks) await caller.completion(tid)
  })

  it('a fence holds a completion back that comes from an older attempt of the same consumer', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const hands = await peer.consume(route)
    const task = taskOf(route)
    await peer.transport.send(task)
    const first = await hands.of(task.tid, 1)
    await first.release()
    const second = await hands.of(task.tid, 2)
    await expect(first.ack(completeOf(first))).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
    await second.ack(completeOf(second))
    expect((await peer.completion(task.tid)).attempt).toBe(2)
  })

  it('what took longer to come than its lease lasts goes back uncounted', async () => {
    const caller = await stage.peer()
    const route = newRoute()
    const task = taskOf(route, { attempts: 1 })
    await caller.transport.send(task)
    let isSlow = true
    const peer = await stage.peer({
      between: (link) =>
        betweenRuns(link, async (script, run) => {
          if (!script.name.endsWith(' take') || !isSlow) return run()
          isSlow = false
          await pause(700)
          return run()
        }),
    })
    const hands = await peer.consume(route, { leaseMs: 600 })
    const delivery = await hands.of(task.tid)
    expect(delivery.attempt).toBeGreaterThan(1)
    await delivery.ack(completeOf(delivery))
    expect((await caller.completion(task.tid)).status).toBe('succeed')
  })

  it('a worker learns after a reconnection what was cancelled or ended meanwhile, and keeps the rest', async () => {
    const caller = await stage.peer()
    const proxy = await createFaultProxy({ target: { port: stage.server.port } })
    const worker = await stage.peer({ url: `redis://127.0.0.1:${proxy.port}` })
    const route = newRoute()
    const hands = await worker.consume(route, { leaseMs: 600_000 })
    const [cancelled, expired, kept] = [
      taskOf(route),
      taskOf(route, { deadline: Date.now() + 1_500 }),
      taskOf(route),
    ]
    const codes = new Map<string, string>()
    for (const task of [cancelled, expired, kept]) {
      await caller.transport.send(task)
      const delivery = await hands.of(task.tid)
      delivery.onRevoke(({ code }) => codes.set(task.tid, code))
    }
    proxy.cut()
    await until(() => worker.transport.state.status !== 'ready')
    await caller.transport.cancel(route, cancelled.tid, 'enough')
    await caller.completion(expired.tid)
    proxy.heal()
    await until(() => codes.size === 2, { timeoutMs: 15_000 })
    expect(codes.get(cancelled.tid)).toBe('ERR_AETHER_TASK_CANCELLED')
    expect(codes.get(expired.tid)).toBe('ERR_AETHER_DEADLINE_EXCEEDED')
    const delivery = await hands.of(kept.tid)
    await delivery.ack(completeOf(delivery))
    expect((await caller.completion(kept.tid)).attempt).toBe(1)
    await proxy.close()
  })

  it('what fails and what loses its lease count together, what is given back does not', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const hands = await peer.consume(route, { leaseMs: 250 })
    const task = taskOf(route, { attempts: 2 })
    await peer.transport.send(task)
    await (await hands.of(task.tid, 1)).release()
    await (await hands.of(task.tid, 2)).release({ failed: true })
    await hands.of(task.tid, 3)
    expect(await peer.completion(task.tid)).toMatchObject({
      status: 'failed',
      attempt: 3,
      error: { code: 'ERR_AETHER_ATTEMPTS_EXHAUSTED' },
    })
    expect(await stage.keys(`*${route.union}*failures*`)).toEqual([])
  })
})
