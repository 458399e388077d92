import { expect } from 'vitest'

import { until } from '../until.ts'
import { expectCode } from './expectations.ts'
import { ackSoon, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const priority: Suite = {
  name: 'priority',
  cases: [
    {
      name: 'what waits is handed out by priority, and in order within one',
      requires: ({ priority: isDeclared }) => isDeclared,
      run: ordersByPriority,
    },
    {
      name: 'a priority other than the default 4 is refused',
      requires: ({ priority: isDeclared }) => !isDeclared,
      async run(context) {
        const { transport } = await context.peer()
        await expectCode(
          transport.send(taskOf(routeOf(context.union), { priority: 9 })),
          'ERR_AETHER_CAPABILITY_UNSUPPORTED',
        )
      },
    },
  ],
}

async function ordersByPriority(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const priorities = [0, 5, 9, 5, 0, 9, 3]
  const tasks = priorities.map((level) => taskOf(route, { priority: level }))
  for (const task of tasks) await peer.transport.send(task)
  const inbox = await peer.consume(route, { credit: 1 }, (delivery) => {
    ackSoon(delivery)
  })
  await until(() => inbox.deliveries.length === tasks.length)
  const expected = [9, 5, 3, 0].flatMap((level) => tasks.filter((task) => task.priority === level))
  expect(inbox.deliveries.map(({ task }) => task.tid)).toEqual(expected.map(({ tid }) => tid))
}
