import { expect } from 'vitest'

import { expectCode } from './expectations.ts'
import { completeOf, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const delay: Suite = {
  name: 'delay',
  cases: [
    {
      name: 'a delayed task stays invisible for its time, and lets others pass',
      requires: ({ delay: isDeclared }) => isDeclared,
      run: delays,
    },
    {
      name: 'a delayed task is refused',
      requires: ({ delay: isDeclared }) => !isDeclared,
      async run(context) {
        const { transport } = await context.peer()
        await expectCode(
          transport.send(taskOf(routeOf(context.union), { delayMs: 1_000 })),
          'ERR_AETHER_CAPABILITY_UNSUPPORTED',
        )
      },
    },
  ],
}

async function delays(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const inbox = await peer.consume(route)
  const later = taskOf(route, { delayMs: 500 })
  const latest = taskOf(route, { delayMs: 700 })
  const sentAt = performance.now()
  await peer.transport.send(latest)
  await peer.transport.send(later)
  const now = taskOf(route)
  await peer.transport.send(now)
  await inbox.of(now.tid)
  const delivery = await inbox.of(later.tid)
  // One millisecond for clocks that round.
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(499)
  await inbox.of(latest.tid)
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(699)
  expect(inbox.deliveries.map(({ task }) => task.tid)).toEqual([now.tid, later.tid, latest.tid])
  expect(delivery.attempt).toBe(1)
  await delivery.ack(completeOf(delivery))
  await peer.completion(later.tid)
}
