import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  completeOf,
  newRoute,
  openQueueStage,
  queueModes,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

/** Polls come every other second: what takes much less is woken by its bell. */
const muchLessMs = 1_500

describe.each(queueModes)('bells in mode %s', (mode) => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage(mode)
  })
  afterAll(() => stage.close())

  it('wake a consumer for each task, without a blocked call', async () => {
    const [worker, caller] = [await stage.peer(), await stage.peer()]
    const route = newRoute()
    const hands = await worker.consume(route, { credit: 1 })
    const startedAt = performance.now()
    for (let index = 0; index < 30; index++) {
      const task = taskOf(route)
      await caller.transport.send(task)
      const delivery = await hands.of(task.tid)
      await delivery.ack(completeOf(delivery))
      await caller.completion(task.tid)
    }
    expect(performance.now() - startedAt).toBeLessThan(muchLessMs * 2)
    expect(await stage.server.cli('INFO', 'clients')).toContain('blocked_clients:0')
  })

  it('that reach nobody ring for the next who waits', async () => {
    const [worker, caller] = [await stage.peer(), await stage.peer()]
    const route = newRoute()
    const waiting = `aether:{${route.union}/job/task}/waiting/workers/x`
    const hands = await worker.consume(route)
    await until(async () => (await stage.server.cli('ZCARD', waiting)) === '1')
    for (let index = 0; index < 3; index++)
      await stage.server.cli('ZADD', waiting, index, `killed-${index}:1:30000`)
    const task = taskOf(route)
    const sentAt = performance.now()
    await caller.transport.send(task)
    await hands.of(task.tid)
    expect(performance.now() - sentAt).toBeLessThan(muchLessMs)
  })

  it('that find no room are passed on', async () => {
    const [full, free, caller] = [await stage.peer(), await stage.peer(), await stage.peer()]
    const [route, other] = [newRoute(), newRoute()]
    const pool = { id: 'one', credit: 1 }
    const waiting = `aether:{${route.union}/job/task}/waiting/workers/x`
    // Waits with room, which another route then takes.
    await full.consume(route, { pool })
    await until(async () => (await stage.server.cli('ZCARD', waiting)) === '1')
    const elsewhere = await full.consume(other, { pool })
    const blocker = taskOf(other)
    await caller.transport.send(blocker)
    await elsewhere.of(blocker.tid)
    const hands = await free.consume(route)
    await until(async () => (await stage.server.cli('ZCARD', waiting)) === '2')
    const task = taskOf(route)
    const sentAt = performance.now()
    await caller.transport.send(task)
    await hands.of(task.tid)
    expect(performance.now() - sentAt).toBeLessThan(muchLessMs)
  })

  it('are made up for by a poll when they are lost', async () => {
    const [worker, caller] = [await stage.peer(), await stage.peer()]
    const route = newRoute()
    const waiting = `aether:{${route.union}/job/task}/waiting/workers/x`
    const hands = await worker.consume(route)
    await until(async () => (await stage.server.cli('ZCARD', waiting)) === '1')
    await stage.server.cli('DEL', waiting)
    const task = taskOf(route)
    await caller.transport.send(task)
    await hands.of(task.tid)
  })

  it('spread what comes over those who wait', async () => {
    const caller = await stage.peer()
    const route = newRoute()
    const workers = await Promise.all(
      Array.from({ length: 5 }, async () => (await stage.peer()).consume(route, { credit: 10 })),
    )
    const waiting = `aether:{${route.union}/job/task}/waiting/workers/x`
    await until(async () => (await stage.server.cli('ZCARD', waiting)) === '5')
    for (let index = 0; index < 5; index++) {
      await caller.transport.send(taskOf(route))
      await until(() => workers.reduce((sum, { deliveries }) => sum + deliveries.length, 0) === index + 1)
      await until(async () => Number(await stage.server.cli('ZCARD', waiting)) >= 4)
    }
    expect(workers.map(({ deliveries }) => deliveries.length)).toEqual([1, 1, 1, 1, 1])
  })
})
