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

describe.each(queueModes)('a key that the server has dropped in mode %s', { timeout: 40_000 }, (mode) => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage(mode)
  })
  afterAll(() => stage.close())

  it.each([
    ['the queue', mode === 'streams' ? 'tasks/x' : 'entries/x', 0],
    ['what is delayed', 'later', 200],
  ])('%s: callers send again what was in it, under the same tid', async (_what, key, delayMs) => {
    const peer = await stage.peer()
    const route = newRoute()
    // The time to wait is over before anybody looks.
    const tasks = Array.from({ length: 3 }, () => taskOf(route, { delayMs }))
    await Promise.all(tasks.map((task) => peer.transport.send(task)))
    expect(await stage.server.cli('DEL', `aether:{${route.union}/job/task}/${key}`)).toBe('1')
    const hands = await peer.consume(route)
    for (const task of tasks) {
      const delivery = await hands.of(task.tid)
      await delivery.ack(completeOf(delivery))
      expect(await peer.completion(task.tid)).toMatchObject({ status: 'succeed', attempt: 1 })
      expect(peer.completions(task.tid)).toHaveLength(1)
    }
  })
})

describe('the list of what waits, dropped while its tasks stay', { timeout: 40_000 }, () => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage('lists')
  })
  afterAll(() => stage.close())

  it('is filled again, each once, in their order', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const base = `aether:{${route.union}/job/task}`
    const [hands, observer] = [
      await peer.consume(route, { credit: 2 }),
      await peer.consume(route, { workgroup: 'audit' }),
    ]
    const send = async (count: number): Promise<readonly string[]> => {
      const tasks = Array.from({ length: count }, () => taskOf(route))
      for (const task of tasks) await peer.transport.send(task)
      return tasks.map(({ tid }) => tid)
    }
    const before = await send(12)
    await until(() => hands.deliveries.length === 2)
    // The other workgroup has all of them in hand, and is done with some: those are not lost to it.
    await until(() => observer.deliveries.length === 12)
    for (const delivery of observer.deliveries.slice(0, 6))
      await delivery.ack(completeOf(delivery, { workgroup: 'audit' }))
    expect(await stage.server.cli('LLEN', `${base}/queue/x/workers`)).toBe('10')
    expect(await stage.server.cli('DEL', `${base}/queue/x/workers`)).toBe('1')
    const after = await send(5)
    await until(async () => (await stage.server.cli('LLEN', `${base}/queue/x/workers`)) === '15')
    const all = [...before, ...after]
    for (const [index, tid] of all.entries()) {
      const delivery = await hands.of(tid)
      expect(hands.deliveries[index]?.task.tid).toBe(tid)
      await delivery.ack(completeOf(delivery))
      expect(await peer.completion(tid)).toMatchObject({ status: 'succeed', attempt: 1 })
    }
    expect(hands.deliveries).toHaveLength(all.length)
    expect(observer.deliveries).toHaveLength(all.length)
  })

  it('is filled again where there are too many to be looked at all at once', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const key = `aether:{${route.union}/job/task}/queue/x/workers`
    const tasks = Array.from({ length: 2_500 }, () => taskOf(route))
    await Promise.all(tasks.map((task) => peer.transport.send(task)))
    expect(await stage.server.cli('DEL', key)).toBe('1')
    // Longer than a busy machine takes for all of them: none is to come twice.
    const hands = await peer.consume(route, { credit: tasks.length, leaseMs: 60_000 })
    const begun = new Set<string>()
    let done = 0
    await until(
      async () => {
        const found = hands.deliveries.slice(done)
        done += found.length
        for (const { task } of found) begun.add(task.tid)
        await Promise.all(found.map((delivery) => delivery.ack(completeOf(delivery))))
        return begun.size === tasks.length
      },
      { timeoutMs: 20_000 },
    )
    expect(hands.deliveries).toHaveLength(tasks.length)
    expect(await stage.keys(`*${route.union}*recovering*`)).toEqual([])
  })
})
