import type { Delivery } from '@aether/core'
import { pause, until } from '@aether/testing'
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
