import { getActiveResourcesInfo } from 'node:process'

import { expect } from 'vitest'

import { until } from '../until.ts'
import { bounded, holds } from './expectations.ts'
import { completeOf, jsonBody, routeOf, taskOf } from './messages.ts'
import { redelivers, sharedQueue } from './suite-case.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const close: Suite = {
  name: 'close leaves nothing',
  cases: [
    { name: 'no timer, socket or other handle outlives it', run: leavesNoHandle },
    { name: 'no handler is called after it', run: callsNobody },
    { name: 'close with work in hand resolves, and calls under way settle', run: settlesCalls },
    {
      name: 'an aborted close is still a close',
      async run(context) {
        const peer = await context.peer()
        await peer.consume(routeOf(context.union))
        await bounded('close', peer.transport.close({ signal: AbortSignal.abort() }), 5_000)
        expect(peer.transport.state.status).toBe('closed')
      },
    },
  ],
}

/** Handles by kind; immediates and ticks of the test runner come and go, and are no leak. */
function handles(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  counts.delete('Immediate')
  counts.delete('TickObject')
  return counts
}

async function leavesNoHandle(context: CaseContext): Promise<void> {
  const before = handles()
  const environment = await context.environment()
  for (let round = 0; round < 3; round += 1) {
    const peer = await context.peer()
    const route = routeOf(context.union)
    await peer.transport.listen({}, () => undefined)
    const inbox = await peer.consume(route, { credit: 2 })
    const states = peer.transport.states()[Symbol.asyncIterator]()
    void states.next()
    for (let index = 0; index < 4; index += 1) await peer.transport.send(taskOf(route))
    const delivery = await inbox.at(0)
    await delivery.ack(completeOf(delivery))
    await peer.transport.close({ signal: AbortSignal.timeout(1_000) })
  }
  // The engine may be in this process too, with timers of its own for what it still holds.
  await environment.close()
  const left = (): string[] =>
    [...handles()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind]) => kind)
  await until(() => left().length === 0, { what: () => `no handle left, but: ${left().join(', ')}` })
}

async function callsNobody(context: CaseContext): Promise<void> {
  const leaver = await context.peer()
  const stayer = await context.peer()
  const route = routeOf(context.union)
  let heard = 0
  await leaver.transport.listen({}, () => {
    heard += 1
  })
  const inbox = await leaver.consume(route)
  const task = taskOf(route)
  // What a caller sent outlives it where the engine is the queue; where the caller is, another one sends.
  const sender = sharedQueue(context.capabilities) ? leaver : stayer
  await sender.transport.send(task)
  const delivery = await inbox.at(0)
  await leaver.transport.close({ signal: AbortSignal.abort() })
  const seen = leaver.events.length
  const heardBefore = heard
  const next = await stayer.consume(route)
  if (redelivers(context.capabilities)) {
    const again = await next.of(task.tid)
    await again.ack(completeOf(again))
  } else {
    // It may have been worked on, so nobody else gets it: its caller learns that it is lost.
    expect((await stayer.completion(task.tid)).status).toBe('failed')
    expect(next.deliveries).toEqual([])
  }
  await stayer.transport.send(taskOf(route))
  await stayer.transport.publish({
    action: 'online',
    route,
    tid: 'w',
    client: 'w',
    host: 'suite',
    body: jsonBody(1),
    codec: 'json',
  })
  await holds(
    'silence',
    () => inbox.deliveries.length === 1 && leaver.events.length === seen && heard === heardBefore,
  )
  expect(delivery.task.tid).toBe(task.tid)
}

async function settlesCalls(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const inbox = await peer.consume(route)
  const task = taskOf(route)
  await peer.transport.send(task)
  const delivery = await inbox.at(0)
  const calls = [
    peer.transport.send(taskOf(route)),
    delivery.renew(),
    peer.transport.cancel(route, 'unknown', 'x'),
    peer.consume(routeOf(context.union, 'other')),
  ].map((call) => call.catch(() => undefined))
  await bounded('close', peer.transport.close({ signal: AbortSignal.timeout(1_000) }), 10_000)
  await bounded('calls under way', Promise.all(calls), 5_000)
  await bounded(
    'a late ack',
    delivery.ack(completeOf(delivery)).catch(() => undefined),
    5_000,
  )
}
