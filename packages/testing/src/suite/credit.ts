import { expect } from 'vitest'

import { until } from '../until.ts'
import { holds } from './expectations.ts'
import type { TaskInbox } from './peer.ts'
import { completeOf, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const credit: Suite = {
  name: 'credit and pools',
  cases: [
    { name: 'a consumer never holds more than its credit', run: keepsCredit },
    { name: 'what is given back frees its credit', run: releaseFrees },
    { name: 'consumers of one pool share its credit', run: sharesPool },
    { name: 'pools of the same name on two transports are two pools', run: keepsPoolsApart },
  ],
}

async function sendMany(context: CaseContext, task: string, count: number): Promise<void> {
  const caller = await context.peer()
  for (let index = 0; index < count; index += 1)
    await caller.transport.send(taskOf(routeOf(context.union, task)))
}

async function ackAt(inbox: TaskInbox, index: number): Promise<void> {
  const delivery = await inbox.at(index)
  await delivery.ack(completeOf(delivery))
}

async function keepsCredit(context: CaseContext): Promise<void> {
  const worker = await context.peer()
  await sendMany(context, 'task', 10)
  const inbox = await worker.consume(routeOf(context.union), { credit: 3 })
  await inbox.at(2)
  await holds('three in hand', () => inbox.deliveries.length === 3)
  await ackAt(inbox, 1)
  await inbox.at(3)
  await holds('one settled, one more', () => inbox.deliveries.length === 4)
  for (const index of [0, 2, 3]) await ackAt(inbox, index)
  await inbox.at(6)
  await holds('three in hand again', () => inbox.deliveries.length === 7)
}

async function releaseFrees(context: CaseContext): Promise<void> {
  const worker = await context.peer()
  await sendMany(context, 'task', 3)
  const inbox = await worker.consume(routeOf(context.union), { credit: 1 })
  const first = await inbox.at(0)
  await first.release({ delayMs: context.capabilities.delay ? 60_000 : 0 })
  await inbox.at(1)
  await holds('one in hand', () => inbox.deliveries.length === 2)
}

async function sharesPool(context: CaseContext): Promise<void> {
  const worker = await context.peer()
  await sendMany(context, 'one', 6)
  await sendMany(context, 'two', 6)
  const pool = { id: 'worker', credit: 4 }
  const one = await worker.consume(routeOf(context.union, 'one'), { credit: 3, pool })
  const two = await worker.consume(routeOf(context.union, 'two'), { credit: 3, pool })
  const held = (): number => one.deliveries.length + two.deliveries.length
  await until(() => held() === 4)
  await holds('four in hand', () => held() === 4)
  expect(one.deliveries.length).toBeLessThanOrEqual(3)
  await ackAt(one, 0)
  await until(() => held() === 5)
  await holds('one settled, one more of either', () => held() === 5)
  await ackAt(two, 0)
  await until(() => held() === 6)
}

async function keepsPoolsApart(context: CaseContext): Promise<void> {
  const pool = { id: 'worker', credit: 2 }
  await sendMany(context, 'task', 8)
  const inboxes: TaskInbox[] = []
  for (let index = 0; index < 2; index += 1) {
    const worker = await context.peer()
    inboxes.push(await worker.consume(routeOf(context.union), { credit: 8, pool }))
  }
  await until(() => inboxes.every(({ deliveries }) => deliveries.length === 2))
  await holds('two each', () => inboxes.every(({ deliveries }) => deliveries.length === 2))
}
