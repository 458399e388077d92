import type { AetherEvent } from '@aether/core'
import { expect } from 'vitest'

import { until } from '../until.ts'
import { bounded, expectCode, expectReason, holds, observed } from './expectations.ts'
import { linkOf, patienceMs, publishOnline } from './links.ts'
import { completeOf, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

const faults = ['link'] as const

export const disconnectedCalls: Suite = {
  name: 'calls without a connection',
  cases: [
    { name: 'they wait for it', faults, run: callsWait },
    { name: 'they wait no longer than their deadline', faults, run: callsGiveUp },
    { name: 'no more of them wait than the limit says', faults, run: callsAreBounded },
    { name: 'close resolves all the same', faults, run: closesWhileCut },
  ],
}

async function callsWait(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const link = await linkOf(context, peer)
  await link.cut()
  await until(() => peer.transport.state.status !== 'ready', { timeoutMs: patienceMs })
  const heard: AetherEvent[] = []
  const task = taskOf(route)
  const calls = [
    peer.transport.listen({ action: 'online' }, (event) => heard.push(event)),
    peer.transport.send(task),
  ] as const
  const consuming = observed(peer.consume(route))
  let settled = 0
  for (const call of [...calls, consuming]) void observed(call.then(() => (settled += 1)))
  await holds('they wait', () => settled === 0)
  await link.heal()
  await bounded('calls that waited', Promise.all([...calls, consuming]), patienceMs)
  const delivery = await (await consuming).of(task.tid)
  await delivery.ack(completeOf(delivery))
  await peer.completion(task.tid)
  await publishOnline(peer, context.union, 'w1')
  await until(() => heard.length === 1)
  expect((await consuming).deliveries).toHaveLength(1)
}

async function callsGiveUp(context: CaseContext): Promise<void> {
  const peer = await context.peer({ overrides: { connectTimeoutMs: 400 } })
  const link = await linkOf(context, peer)
  await link.cut()
  await until(() => peer.transport.state.status !== 'ready', { timeoutMs: patienceMs })
  const sending = peer.transport.send(taskOf(routeOf(context.union)))
  const error = await expectCode(
    bounded('a send without a connection', sending, patienceMs),
    'ERR_AETHER_CONNECT_TIMEOUT',
    'ERR_AETHER_TRANSPORT_LOST',
  )
  expect(error.retryable).toBe(true)
  const reason = new Error('the caller gave up')
  const controller = new AbortController()
  const aborted = peer.transport.send(taskOf(routeOf(context.union)), { signal: controller.signal })
  controller.abort(reason)
  await expectReason(bounded('an aborted send', aborted, 5_000), reason)
}

async function callsAreBounded(context: CaseContext): Promise<void> {
  const maxPending = 4
  const peer = await context.peer({ overrides: { maxPending } })
  const route = routeOf(context.union)
  const link = await linkOf(context, peer)
  await link.cut()
  await until(() => peer.transport.state.status !== 'ready', { timeoutMs: patienceMs })
  const waiting = Array.from({ length: maxPending }, () => observed(peer.transport.send(taskOf(route))))
  await expectCode(
    bounded('one call too many', peer.transport.send(taskOf(route)), 5_000),
    'ERR_AETHER_QUEUE_FULL',
  )
  await link.heal()
  await bounded('those that waited', Promise.all(waiting), patienceMs)
}

async function closesWhileCut(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const link = await linkOf(context, peer)
  await link.cut()
  await until(() => peer.transport.state.status !== 'ready', { timeoutMs: patienceMs })
  const sending = peer.transport.send(taskOf(routeOf(context.union)))
  const refused = expectCode(sending, 'ERR_AETHER_TRANSPORT_CLOSED', 'ERR_AETHER_TRANSPORT_LOST')
  await bounded('close', peer.transport.close({ signal: AbortSignal.timeout(500) }), patienceMs)
  await bounded('the call that waited', refused, 5_000)
  expect(peer.transport.state.status).toBe('closed')
}
