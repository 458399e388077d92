import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  betweenRuns,
  newRoute,
  openQueueStage,
  queueModes,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

/** What Redis says by one connection may overtake what it said before by the other. */
describe.each(queueModes)('answers that are late in mode %s', (mode) => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage(mode)
  })
  afterAll(() => stage.close())

  it('a task that was cancelled while the answer of its take was under way is revoked all the same', async () => {
    let arrive = (): void => undefined
    const isLate = new Promise<void>((resolve) => {
      arrive = resolve
    })
    let takes = 0
    const worker = await stage.peer({
      between: (link) =>
        betweenRuns(link, async ({ name }, run) => {
          const reply = await run()
          const isTask = name.endsWith(' take') && (reply as Buffer).length > 40
          if (isTask && ++takes === 1) await isLate
          return reply
        }),
    })
    const caller = await stage.peer()
    const route = newRoute()
    const hands = await worker.consume(route, { leaseMs: 60_000 })
    const task = taskOf(route)
    await caller.transport.send(task)
    await until(() => takes === 1, { what: 'the task is taken' })
    await caller.transport.cancel(route, task.tid, 'no longer wanted')
    await caller.completion(task.tid)
    // Whatever was published before has been heard when this has.
    const other = newRoute()
    const listening = await worker.consume(other)
    const beacon = taskOf(other)
    await caller.transport.send(beacon)
    await listening.of(beacon.tid)
    arrive()
    const delivery = await hands.of(task.tid)
    const codes: string[] = []
    delivery.onRevoke(({ code }) => codes.push(code))
    await until(() => codes.length > 0, { what: 'the worker is told' })
    expect(codes).toEqual(['ERR_AETHER_TASK_CANCELLED'])
  })
})
