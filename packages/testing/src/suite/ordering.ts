import { expect } from 'vitest'

import { until } from '../until.ts'
import { ackSoon, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

const declared = ({ ordering: isDeclared }: { readonly ordering: boolean }): boolean => isDeclared

export const ordering: Suite = {
  name: 'ordering',
  cases: [
    {
      name: 'tasks start in the order in which they were accepted',
      requires: declared,
      run: (context) => startsInOrder(context, 'consumer first'),
    },
    {
      name: 'a backlog starts in the order in which it was accepted',
      requires: declared,
      run: (context) => startsInOrder(context, 'backlog first'),
    },
  ],
}

async function startsInOrder(context: CaseContext, first: 'consumer first' | 'backlog first'): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const tasks = Array.from({ length: 200 }, () => taskOf(route))
  const open = () =>
    worker.consume(route, { credit: 8 }, (delivery) => {
      ackSoon(delivery)
    })
  let inbox = first === 'consumer first' ? await open() : undefined
  // Not awaited one by one: the order of the calls is the order of acceptance.
  await Promise.all(tasks.map((task) => caller.transport.send(task)))
  inbox ??= await open()
  const { deliveries } = inbox
  await until(() => deliveries.length === tasks.length)
  expect(deliveries.map(({ task }) => task.tid)).toEqual(tasks.map(({ tid }) => tid))
}
