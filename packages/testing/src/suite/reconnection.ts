import type { AetherEvent } from '@aether/core'
import { expect } from 'vitest'

import type { Link } from '../harness.ts'
import { until } from '../until.ts'
import { bounded, expectCode, holds, observed } from './expectations.ts'
import { ackSoon, completeOf, routeOf, taskOf } from './messages.ts'
import type { Peer } from './peer.ts'
import { generationOf, linkOf, patienceMs, publishOnline } from './links.ts'
import { redelivers, sharedQueue } from './suite-case.ts'
import type { CaseContext, Suite } from './suite-case.ts'

const faults = ['link'] as const

export const reconnection: Suite = {
  name: 'reconnection',
  cases: [
    { name: 'a cut is seen, and healed under a new generation', faults, run: seesCut },
    { name: 'after it each consumer exists once', faults, run: consumersOnce },
    { name: 'after it each listener exists once', faults, run: listenersOnce },
    { name: 'what was closed before or during it stays closed', faults, run: closedStayClosed },
    { name: 'a caller that was away sees its completion once', faults, run: callerCatchesUp },
    {
      name: 'a worker that is cut off loses its leases, and the task goes on elsewhere',
      faults,
      requires: redelivers,
      run: workerLosesLeases,
    },
    {
      name: 'a connection that carries nothing is noticed and replaced',
      faults: ['link', 'link-stall'],
      timeoutMs: 40_000,
      run: noticesStall,
    },
    { name: 'a slow connection is only slow', faults: ['link', 'link-stall'], run: toleratesDelay },
  ],
}

/** Cuts and heals, and waits until the new connection is ready. */
async function flap(peer: Peer, link: Link): Promise<void> {
  const before = generationOf(peer)
  await link.cut()
  await until(() => peer.transport.state.status !== 'ready', {
    timeoutMs: patienceMs,
    what: 'the cut is seen',
  })
  await link.heal()
  await until(() => generationOf(peer) > before, { timeoutMs: patienceMs, what: 'a new generation' })
}

async function seesCut(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const seen: string[] = []
  void (async () => {
    for await (const state of peer.transport.states()) seen.push(state.status)
  })()
  const link = await linkOf(context, peer)
  const first = generationOf(peer)
  await link.cut()
  await until(() => peer.transport.state.status === 'reconnecting', { timeoutMs: patienceMs })
  const { state } = peer.transport
  if (state.status === 'reconnecting') expect(state.error.code).toMatch(/^ERR_AETHER_/)
  await link.heal()
  await until(() => generationOf(peer) > first, { timeoutMs: patienceMs })
  await until(() => seen.at(-1) === 'ready')
  expect(seen).toContain('reconnecting')
}

async function consumersOnce(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { credit: 2 })
  const link = await linkOf(context, worker)
  for (let round = 0; round < 3; round += 1) await flap(worker, link)
  const tasks = Array.from({ length: 8 }, () => taskOf(route))
  for (const task of tasks) await caller.transport.send(task)
  await inbox.at(1)
  // Two consumers in its place would hold four.
  await holds('the credit of one consumer', () => inbox.deliveries.length === 2, 250)
  for (let index = 0; index < tasks.length; index += 1) {
    const delivery = await inbox.at(index)
    await delivery.ack(completeOf(delivery))
  }
  for (const task of tasks) await caller.completion(task.tid)
  await holds('each once', () => tasks.every(({ tid }) => caller.completions(tid).length === 1))
  expect(inbox.deliveries).toHaveLength(tasks.length)
}

async function listenersOnce(context: CaseContext): Promise<void> {
  const publisher = await context.peer()
  const listener = await context.peer()
  const heard: AetherEvent[][] = [[], []]
  await listener.transport.listen({}, (event) => heard[0]?.push(event))
  await listener.transport.listen({ action: 'online' }, (event) => heard[1]?.push(event))
  const link = await linkOf(context, listener)
  for (let round = 0; round < 3; round += 1) await flap(listener, link)
  await publishOnline(publisher, context.union, 'w1')
  await until(() => heard.every((events) => events.length > 0))
  await holds('once each', () => heard.every((events) => events.length === 1), 250)
}

async function closedStayClosed(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const link = await linkOf(context, worker)
  const [before, during, after] = ['before', 'during', 'after'].map((name) => routeOf(context.union, name))
  if (before === undefined || during === undefined || after === undefined) throw new Error('three routes')
  const early = await worker.consume(before)
  const late = await worker.consume(during)
  const heard: AetherEvent[] = []
  const listener = await worker.transport.listen({ action: 'online' }, (event) => heard.push(event))
  await early.consumer.close()
  await link.cut()
  await until(() => worker.transport.state.status !== 'ready', { timeoutMs: patienceMs })
  const closing = observed(Promise.all([late.consumer.close(), listener.close()]))
  await link.heal()
  await bounded('close during a cut', closing, patienceMs)
  await until(() => worker.transport.state.status === 'ready', { timeoutMs: patienceMs })
  const alive = await worker.consume(after)
  for (const route of [before, during]) await caller.transport.send(taskOf(route))
  await publishOnline(caller, context.union, 'w1')
  const task = taskOf(after)
  await caller.transport.send(task)
  await alive.of(task.tid)
  await holds(
    'the closed ones are silent',
    () => early.deliveries.length + late.deliveries.length + heard.length === 0,
  )
}

async function callerCatchesUp(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const [gone, open] = [taskOf(route), taskOf(route)]
  for (const task of [gone, open]) await caller.transport.send(task)
  const whileAway = await inbox.of(gone.tid)
  const afterwards = await inbox.of(open.tid)
  const link = await linkOf(context, caller)
  await link.cut()
  await until(() => caller.transport.state.status !== 'ready', { timeoutMs: patienceMs })
  const acked = observed(whileAway.ack(completeOf(whileAway)))
  // Where the caller itself is the queue, only it can take the completion.
  if (sharedQueue(context.capabilities)) await acked
  await link.heal()
  await caller.completion(gone.tid, patienceMs)
  await acked
  await afterwards.ack(completeOf(afterwards))
  await caller.completion(open.tid, patienceMs)
  await holds('once each', () => [gone, open].every(({ tid }) => caller.completions(tid).length === 1), 250)
  expect(inbox.deliveries).toHaveLength(2)
}

async function workerLosesLeases(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const lost = await context.peer()
  const route = routeOf(context.union)
  const lostInbox = await lost.consume(route, { leaseMs: 1_000, credit: 1 })
  const task = taskOf(route)
  await caller.transport.send(task)
  const first = await lostInbox.of(task.tid, 1)
  const codes: string[] = []
  first.onRevoke(({ code }) => codes.push(code))
  const other = await context.peer()
  const inbox = await other.consume(route)
  const link = await linkOf(context, lost)
  await link.cut()
  const second = await inbox.of(task.tid, 2)
  await until(() => codes.length > 0, {
    timeoutMs: patienceMs,
    what: 'the worker learns that it lost its lease',
  })
  expect(codes).toEqual(['ERR_AETHER_LEASE_LOST'])
  await link.heal()
  await until(() => lost.transport.state.status === 'ready', { timeoutMs: patienceMs })
  await expectCode(first.ack(completeOf(first)), 'ERR_AETHER_LEASE_LOST')
  await second.ack(completeOf(second))
  expect((await caller.completion(task.tid)).attempt).toBe(2)
  await holds('one completion', () => caller.completions(task.tid).length === 1)
}

async function noticesStall(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const link = await linkOf(context, worker)
  const before = generationOf(worker)
  await link.stall?.()
  await until(() => worker.transport.state.status !== 'ready', {
    timeoutMs: 25_000,
    what: 'the stall is noticed',
  })
  await link.heal()
  await until(() => generationOf(worker) > before, { timeoutMs: patienceMs })
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await delivery.ack(completeOf(delivery))
  await caller.completion(task.tid)
}

async function toleratesDelay(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const inbox = await peer.consume(route, { credit: 8 }, (delivery) => {
    ackSoon(delivery)
  })
  const link = await linkOf(context, peer)
  const before = generationOf(peer)
  await link.delay?.(60)
  const tasks = Array.from({ length: 24 }, () => taskOf(route))
  await Promise.all(tasks.map((task) => peer.transport.send(task)))
  for (const task of tasks) await peer.completion(task.tid)
  await link.delay?.(0)
  expect(inbox.deliveries).toHaveLength(tasks.length)
  expect(generationOf(peer)).toBe(before)
}
