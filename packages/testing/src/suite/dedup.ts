import { expect } from 'vitest'

import { holds } from './expectations.ts'
import { completeOf, jsonBody, newTid, readJson, routeOf, taskOf } from './messages.ts'
import { sharedQueue } from './suite-case.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const dedup: Suite = {
  name: 'idempotency by tid',
  cases: [
    {
      name: 'a tid that is queued or running is not started again, and both callers have their answer',
      requires: sharedQueue,
      run: joinsLive,
    },
    {
      name: 'a tid that is over is answered from what is stored',
      requires: ({ results }) => results,
      run: joinsStored,
    },
    {
      name: 'many sends of one tid at once make one task',
      requires: sharedQueue,
      run: joinsConcurrent,
    },
    {
      name: 'the same tid in another union is another task',
      run: keepsUnionsApart,
    },
  ],
}

async function joinsLive(context: CaseContext): Promise<void> {
  const first = await context.peer()
  const second = await context.peer()
  const route = routeOf(context.union)
  const task = taskOf(route)
  expect(await first.transport.send(task)).toEqual({ deduplicated: false })
  expect(await second.transport.send(task)).toEqual({ deduplicated: true })
  const inbox = await first.consume(route)
  const delivery = await inbox.of(task.tid)
  expect(await second.transport.send(task)).toEqual({ deduplicated: true })
  await delivery.ack(completeOf(delivery, { body: jsonBody('once') }))
  for (const peer of [first, second]) expect(readJson((await peer.completion(task.tid)).body)).toBe('once')
  await holds('run once', () => inbox.deliveries.length === 1)
  expect(first.completions(task.tid)).toHaveLength(1)
}

async function joinsStored(context: CaseContext): Promise<void> {
  const first = await context.peer()
  const second = await context.peer()
  const route = routeOf(context.union)
  const inbox = await first.consume(route)
  const task = taskOf(route)
  await first.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await delivery.ack(completeOf(delivery, { body: jsonBody('stored') }))
  await first.completion(task.tid)
  expect(await second.transport.send(task)).toEqual({ deduplicated: true })
  expect(readJson((await second.completion(task.tid)).body)).toBe('stored')
  await holds('run once', () => inbox.deliveries.length === 1)
}

async function joinsConcurrent(context: CaseContext): Promise<void> {
  const peers = [await context.peer(), await context.peer(), await context.peer()]
  const route = routeOf(context.union)
  const worker = await context.peer()
  const inbox = await worker.consume(route)
  const task = taskOf(route)
  const receipts = await Promise.all(peers.map((peer) => peer.transport.send(task)))
  expect(receipts.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1)
  const delivery = await inbox.of(task.tid)
  await delivery.ack(completeOf(delivery))
  for (const peer of peers) await peer.completion(task.tid)
  await holds('run once', () => inbox.deliveries.length === 1)
  for (const peer of peers) expect(peer.completions(task.tid)).toHaveLength(1)
}

async function keepsUnionsApart(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const tid = newTid('shared')
  const here = routeOf(context.union)
  const there = routeOf(`${context.union}-other`)
  expect(await peer.transport.send(taskOf(here, { tid }))).toEqual({ deduplicated: false })
  const inbox = await peer.consume(there)
  const other = await context.peer()
  expect(await other.transport.send(taskOf(there, { tid }))).toEqual({ deduplicated: false })
  expect((await inbox.of(tid)).task.route.union).toBe(there.union)
}
