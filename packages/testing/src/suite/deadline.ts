import { expect } from 'vitest'

import { until } from '../until.ts'
import { expectCode, holds } from './expectations.ts'
import { completeOf, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const deadline: Suite = {
  name: 'deadline and time to live',
  cases: [
    {
      name: 'a queued task past its deadline ends as expired',
      run: expiresQueued,
    },
    {
      name: 'a running task past its deadline is revoked and ends as expired',
      run: expiresRunning,
    },
    {
      name: 'a task that waits longer than its time to live ends as expired',
      run: outlivesQueue,
    },
    {
      name: 'time to live does not end a task that has begun',
      run: sparesRunning,
    },
  ],
}

async function expiresQueued(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const sentAt = Date.now()
  const task = taskOf(route, { deadline: sentAt + 400 })
  await peer.transport.send(task)
  expect(await peer.completion(task.tid)).toMatchObject({ status: 'expired', attempt: 0 })
  expect(Date.now() - sentAt).toBeGreaterThanOrEqual(399)
  const inbox = await peer.consume(route)
  await holds('never delivered', () => inbox.deliveries.length === 0)
  expect(peer.completions(task.tid)).toHaveLength(1)
}

async function expiresRunning(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const task = taskOf(route, { deadline: Date.now() + 700 })
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid)
  const codes: string[] = []
  delivery.onRevoke(({ code }) => codes.push(code))
  expect(await caller.completion(task.tid)).toMatchObject({ status: 'expired', attempt: 1 })
  await until(() => codes.length > 0)
  expect(codes).toEqual(['ERR_AETHER_DEADLINE_EXCEEDED'])
  await expectCode(delivery.ack(completeOf(delivery)), 'ERR_AETHER_LEASE_LOST')
  await holds('one completion', () => caller.completions(task.tid).length === 1)
  expect(inbox.deliveries).toHaveLength(1)
}

async function outlivesQueue(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const task = taskOf(route, { ttlMs: 300 })
  const sentAt = performance.now()
  await peer.transport.send(task)
  expect((await peer.completion(task.tid)).status).toBe('expired')
  expect(performance.now() - sentAt).toBeGreaterThanOrEqual(299)
  const inbox = await peer.consume(route)
  await holds('never delivered', () => inbox.deliveries.length === 0)
}

async function sparesRunning(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const inbox = await peer.consume(route)
  const task = taskOf(route, { ttlMs: 400 })
  await peer.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await holds('still open', () => peer.completions(task.tid).length === 0, 700)
  await delivery.ack(completeOf(delivery))
  expect((await peer.completion(task.tid)).status).toBe('succeed')
}
