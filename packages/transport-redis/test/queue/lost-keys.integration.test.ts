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
