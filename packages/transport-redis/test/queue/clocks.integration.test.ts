import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clockAhead } from '../support/clock-ahead.ts'
import {
  completeOf,
  newRoute,
  openQueueStage,
  queueModes,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

const hourMs = 3_600_000

describe.each(queueModes)('clocks in mode %s', (mode) => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage(mode)
  })
  afterAll(() => stage.close())

  it.each([
    ['an hour ahead of', hourMs],
    ['an hour behind', -hourMs],
  ])('a caller %s everybody else gets its deadlines as it meant them', async (_how, aheadMs) => {
    const clock = clockAhead(aheadMs)
    const caller = await stage.peer({ clock })
    const other = clockAhead(-aheadMs)
    const worker = await stage.peer({ clock: other })
    const route = newRoute()
    const hands = await worker.consume(route)
    const task = taskOf(route, { deadline: clock.now() + 20_000 })
    await caller.transport.send(task)
    const delivery = await hands.of(task.tid)
    const leftMs = delivery.task.deadline - other.now()
    expect(leftMs).toBeGreaterThan(10_000)
    expect(leftMs).toBeLessThan(20_100)
    await delivery.ack(completeOf(delivery))
    expect((await caller.completion(task.tid)).status).toBe('succeed')
  })

  it.each([hourMs, -hourMs])(
    'what nobody begins expires when its caller, %d ms ahead, said so',
    async (aheadMs) => {
      const clock = clockAhead(aheadMs)
      const caller = await stage.peer({ clock })
      const task = taskOf(newRoute(), { deadline: clock.now() + 300 })
      const sentAtMs = performance.now()
      await caller.transport.send(task)
      expect(await caller.completion(task.tid)).toMatchObject({
        status: 'expired',
        error: { code: 'ERR_AETHER_DEADLINE_EXCEEDED' },
      })
      expect(performance.now() - sentAtMs).toBeGreaterThan(290)
    },
  )
})
