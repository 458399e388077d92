import { expect } from 'vitest'

import { until } from '../until.ts'
import { expectCode, holds } from './expectations.ts'
import { completeOf, newTid, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const cancel: Suite = {
  name: 'cancel',
  cases: [
    { name: 'a queued task ends as cancelled and never reaches a worker', run: cancelsQueued },
    { name: 'a running task is revoked at its worker and ends as cancelled', run: cancelsRunning },
    {
      name: 'a task that waits for its next attempt ends as cancelled',
      run: cancelsBetweenAttempts,
    },
    { name: 'anyone may cancel, and the caller learns it', run: cancelsFromElsewhere },
    {
      name: 'every workgroup stops',
      requires: ({ groups }) => groups,
      run: cancelsEverywhere,
    },
    {
      name: 'an unknown task is ERR_AETHER_TASK_UNKNOWN, and so is one that is over',
      run: refusesUnknown,
    },
  ],
}

async function cancelsQueued(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const task = taskOf(route)
  await peer.transport.send(task)
  await peer.transport.cancel(route, task.tid, 'changed my mind')
  expect(await peer.completion(task.tid)).toMatchObject({ status: 'cancelled', attempt: 0 })
  const inbox = await peer.consume(route)
  await holds('never delivered', () => inbox.deliveries.length === 0)
  expect(peer.completions(task.tid)).toHaveLength(1)
}

async function cancelsRunning(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { credit: 1 })
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid)
  const reasons: { code: string; message: string }[] = []
  delivery.onRevoke((reason) => reasons.push(reason))
  await caller.transport.cancel(route, task.tid, 'user left')
  expect(await caller.completion(task.tid)).toMatchObject({ status: 'cancelled', attempt: 1 })
  await until(() => reasons.length > 0, { what: 'the worker is told' })
  expect(reasons.map(({ code }) => code)).toEqual(['ERR_AETHER_TASK_CANCELLED'])
  expect(reasons[0]?.message).toContain('user left')
  await expectCode(delivery.ack(completeOf(delivery)), 'ERR_AETHER_LEASE_LOST')
  await holds('one completion', () => caller.completions(task.tid).length === 1)
  const next = taskOf(route)
  await caller.transport.send(next)
  await inbox.of(next.tid)
}

async function cancelsBetweenAttempts(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const inbox = await peer.consume(route)
  const task = taskOf(route)
  await peer.transport.send(task)
  await (await inbox.of(task.tid)).release({ failed: true, delayMs: 300 })
  await peer.transport.cancel(route, task.tid, 'enough')
  expect((await peer.completion(task.tid)).status).toBe('cancelled')
  await holds('no second attempt', () => inbox.deliveries.length === 1, 500)
}

async function cancelsFromElsewhere(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const other = await context.peer()
  const route = routeOf(context.union)
  const task = taskOf(route)
  await caller.transport.send(task)
  await other.transport.cancel(route, task.tid, 'by an operator')
  expect((await caller.completion(task.tid)).status).toBe('cancelled')
  expect(other.completions(task.tid)).toEqual([])
}

async function cancelsEverywhere(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const groups = ['workers', 'audit', 'metrics']
  const inboxes = await Promise.all(groups.map((workgroup) => worker.consume(route, { workgroup })))
  const task = taskOf(route)
  await caller.transport.send(task)
  let revoked = 0
  for (const inbox of inboxes)
    (await inbox.of(task.tid)).onRevoke(() => {
      revoked += 1
    })
  await caller.transport.cancel(route, task.tid, 'all of you')
  await until(() => revoked === groups.length)
  await caller.completion(task.tid)
  await holds('one completion', () => caller.completions(task.tid).length === 1 && revoked === groups.length)
}

async function refusesUnknown(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const code = 'ERR_AETHER_TASK_UNKNOWN'
  await expectCode(peer.transport.cancel(route, newTid('never'), 'x'), code)
  const inbox = await peer.consume(route)
  const task = taskOf(route)
  await peer.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await delivery.ack(completeOf(delivery))
  await peer.completion(task.tid)
  await expectCode(peer.transport.cancel(route, task.tid, 'too late'), code)
  await holds('the outcome stands', () => peer.completions(task.tid).length === 1)
  expect(peer.completions(task.tid)[0]?.status).toBe('succeed')
}
