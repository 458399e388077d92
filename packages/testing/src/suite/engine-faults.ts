import { expect } from 'vitest'

import type { EngineControl } from '../harness.ts'
import { until } from '../until.ts'
import { bounded, holds, observed } from './expectations.ts'
import { ackSoon, routeOf, taskOf } from './messages.ts'
import { redelivers } from './suite-case.ts'
import type { CaseContext, Suite } from './suite-case.ts'

const patienceMs = 20_000

export const engineFaults: Suite = {
  name: 'engine faults',
  cases: [
    {
      name: 'a frozen engine: calls are answered once it goes on',
      faults: ['engine-freeze'],
      timeoutMs: 60_000,
      run: survivesFreeze,
    },
    {
      name: 'a restarted engine: callers send again what is open, workers consume again, each once',
      faults: ['engine-restart'],
      requires: redelivers,
      timeoutMs: 60_000,
      run: survivesRestart,
    },
    {
      name: 'a restarted engine: nothing is delivered twice, what was not handed out goes on, each task ends once',
      faults: ['engine-restart'],
      requires: (capabilities) => !redelivers(capabilities),
      timeoutMs: 60_000,
      run: endsOnceAfterRestart,
    },
    {
      name: 'a restarted engine still has what it accepted, though its caller is gone',
      faults: ['engine-restart'],
      requires: ({ durable }) => durable,
      timeoutMs: 60_000,
      run: keepsAccepted,
    },
  ],
}

async function engineOf(context: CaseContext): Promise<EngineControl> {
  const { engine } = await context.environment()
  if (engine === undefined) throw new Error('a fault of the engine is declared, but the environment has none')
  return engine
}

async function survivesFreeze(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const engine = await engineOf(context)
  const inbox = await worker.consume(route, { leaseMs: 30_000 }, (delivery) => {
    ackSoon(delivery)
  })
  await engine.freeze()
  context.defer(() => engine.thaw())
  const tasks = Array.from({ length: 10 }, () => taskOf(route))
  const sending = observed(Promise.all(tasks.map((task) => caller.transport.send(task))))
  await holds('nothing moves', () => inbox.deliveries.length === 0, 300)
  await engine.thaw()
  await bounded('sends to a frozen engine', sending, patienceMs)
  for (const task of tasks) await caller.completion(task.tid, patienceMs)
  await holds('once each', () => tasks.every(({ tid }) => caller.completions(tid).length === 1))
}

async function survivesRestart(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const engine = await engineOf(context)
  const tasks = Array.from({ length: 10 }, () => taskOf(route, { attempts: 10 }))
  for (const task of tasks) await caller.transport.send(task)
  const inbox = await worker.consume(route, { credit: 2 })
  await inbox.at(1)
  await engine.kill()
  await until(() => [caller, worker].every((peer) => peer.transport.state.status !== 'ready'), {
    timeoutMs: patienceMs,
  })
  const before = inbox.deliveries.length
  await engine.restart()
  await until(() => [caller, worker].every((peer) => peer.transport.state.status === 'ready'), {
    timeoutMs: patienceMs,
  })
  await until(() => inbox.deliveries.length >= before + 2, { timeoutMs: patienceMs })
  await holds('the credit of one consumer', () => inbox.deliveries.length === before + 2, 200)
  let settled = before
  const settling = setInterval(() => {
    for (const delivery of inbox.deliveries.slice(settled)) ackSoon(delivery)
    settled = inbox.deliveries.length
  }, 5)
  context.defer(() => clearInterval(settling))
  for (const task of tasks) await caller.completion(task.tid, patienceMs)
  await holds('once each', () => tasks.every(({ tid }) => caller.completions(tid).length === 1))
  expect(tasks.every(({ tid }) => caller.completions(tid)[0]?.status === 'succeed')).toBe(true)
}

/** What was in hand when the engine died may end as lost, or go on where the worker outlives the engine; it is not begun anew. */
async function endsOnceAfterRestart(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const engine = await engineOf(context)
  const inbox = await worker.consume(route, { credit: 2 })
  const tasks = Array.from({ length: 10 }, () => taskOf(route, { attempts: 10 }))
  for (const task of tasks) await caller.transport.send(task)
  await inbox.at(1)
  const inHand = new Set(inbox.deliveries.map(({ task }) => task.tid))
  await engine.kill()
  await until(() => [caller, worker].every((peer) => peer.transport.state.status !== 'ready'), {
    timeoutMs: patienceMs,
  })
  await engine.restart()
  await until(() => [caller, worker].every((peer) => peer.transport.state.status === 'ready'), {
    timeoutMs: patienceMs,
  })
  let settled = 0
  const settling = setInterval(() => {
    for (const delivery of inbox.deliveries.slice(settled)) ackSoon(delivery)
    settled = inbox.deliveries.length
  }, 5)
  context.defer(() => clearInterval(settling))
  for (const { tid } of tasks) {
    const { status, error } = await caller.completion(tid, patienceMs)
    const isLost = status === 'failed' && error?.code === 'ERR_AETHER_TRANSPORT_LOST' && inHand.has(tid)
    expect(status === 'succeed' || isLost, `${tid} ended as ${status}`).toBe(true)
  }
  await holds('once each', () => tasks.every(({ tid }) => caller.completions(tid).length === 1))
  const delivered = inbox.deliveries.map(({ task }) => task.tid)
  expect(new Set(delivered).size).toBe(delivered.length)
}

async function keepsAccepted(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const route = routeOf(context.union)
  const engine = await engineOf(context)
  const tasks = Array.from({ length: 10 }, () => taskOf(route))
  for (const task of tasks) await caller.transport.send(task)
  await caller.transport.close()
  await engine.kill()
  await engine.restart()
  const worker = await context.peer()
  const inbox = await worker.consume(route)
  await until(() => tasks.every(({ tid }) => inbox.deliveries.some(({ task }) => task.tid === tid)), {
    timeoutMs: patienceMs,
  })
}
