import { expect } from 'vitest'

import { expectCode } from './expectations.ts'
import { ackSoon, routeOf, taskOf } from './messages.ts'
import { sharedQueue } from './suite-case.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const boundedQueues: Suite = {
  name: 'bounded queues',
  cases: [
    {
      name: 'a full queue refuses with ERR_AETHER_QUEUE_FULL, keeps what it took, and takes again when there is room',
      run: refusesWhenFull,
    },
    {
      name: 'one full queue does not close another',
      requires: sharedQueue,
      async run(context) {
        await context.environment({ maxQueued: 2 })
        const { transport } = await context.peer()
        const full = routeOf(context.union, 'full')
        for (let index = 0; index < 2; index += 1) await transport.send(taskOf(full))
        await expectCode(transport.send(taskOf(full)), 'ERR_AETHER_QUEUE_FULL')
        await transport.send(taskOf(routeOf(context.union, 'free')))
      },
    },
  ],
}

async function refusesWhenFull(context: CaseContext): Promise<void> {
  await context.environment({ maxQueued: 8 })
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const tasks = Array.from({ length: 8 }, () => taskOf(route))
  for (const task of tasks) await caller.transport.send(task)
  const refused = taskOf(route)
  const error = await expectCode(caller.transport.send(refused), 'ERR_AETHER_QUEUE_FULL')
  expect(error.retryable).toBe(true)
  const inbox = await worker.consume(route, {}, (delivery) => {
    ackSoon(delivery)
  })
  for (const task of tasks) await caller.completion(task.tid)
  await caller.transport.send(refused)
  await caller.completion(refused.tid)
  expect(inbox.deliveries.map(({ task }) => task.tid).toSorted()).toEqual(
    [...tasks, refused].map(({ tid }) => tid).toSorted(),
  )
}
