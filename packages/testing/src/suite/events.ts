import type { AetherEvent, EventFilter, PresenceEvent } from '@aether/core'
import { expect } from 'vitest'

import { until } from '../until.ts'
import { holds } from './expectations.ts'
import { completeOf, jsonBody, progressOf, readJson, routeOf, taskOf } from './messages.ts'
import type { Peer } from './peer.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const events: Suite = {
  name: 'events',
  cases: [
    { name: 'what is published reaches every listener once, the publisher too', run: reachesEveryone },
    { name: 'a filter is matched level by level', run: filters },
    { name: 'status and complete of every task reach those who listen', run: broadcastsTasks },
    { name: 'a closed listener hears nothing more, others do', run: closesListener },
    { name: 'events stay within their union', run: keepsUnionsApart },
    { name: 'one publisher is heard in order', run: keepsOrder },
    { name: 'status, complete and cancel can be published as well', run: carriesEveryAction },
  ],
}

function presence(union: string, worker: string, parts: Partial<PresenceEvent> = {}): PresenceEvent {
  return {
    action: 'online',
    route: routeOf(union),
    tid: worker,
    client: worker,
    host: 'suite',
    body: jsonBody({ busy: 1 }),
    codec: 'json',
    ...parts,
  }
}

async function listen(peer: Peer, filter: EventFilter): Promise<AetherEvent[]> {
  const heard: AetherEvent[] = []
  await peer.transport.listen(filter, (event) => heard.push(event))
  return heard
}

async function reachesEveryone(context: CaseContext): Promise<void> {
  const publisher = await context.peer()
  const other = await context.peer()
  const heard = [
    await listen(publisher, {}),
    await listen(other, {}),
    await listen(other, { action: 'online' }),
    await listen(other, { job: '+', task: '+', action: '+' }),
  ]
  const event = presence(context.union, 'w1', { headers: { region: 'ü' } })
  await publisher.transport.publish(event)
  await until(() => heard.every((events_) => events_.length > 0))
  await holds('once each', () => heard.every((events_) => events_.length === 1))
  for (const [received] of heard) {
    expect(received).toMatchObject({
      action: 'online',
      route: event.route,
      tid: 'w1',
      client: 'w1',
      host: 'suite',
      codec: 'json',
    })
    expect(received?.headers).toMatchObject({ region: 'ü' })
    expect(readJson((received as PresenceEvent).body)).toEqual({ busy: 1 })
  }
}

async function filters(context: CaseContext): Promise<void> {
  const publisher = await context.peer()
  const listener = await context.peer()
  const route = routeOf(context.union, 'one', 'prod')
  const matching: readonly EventFilter[] = [
    { job: 'suite' },
    { task: 'one' },
    { context: 'prod' },
    { tid: 'w1' },
    { action: 'idle' },
    { job: 'suite', task: 'one', context: 'prod', tid: 'w1', action: 'idle' },
  ]
  const other: readonly EventFilter[] = [
    { job: 'other' },
    { task: 'two' },
    { context: 'x' },
    { tid: 'w2' },
    { action: 'online' },
    { task: 'one', action: 'dismiss' },
  ]
  const heard = await Promise.all(matching.map((filter) => listen(listener, filter)))
  const silent = await Promise.all(other.map((filter) => listen(listener, filter)))
  await publisher.transport.publish(presence(context.union, 'w1', { action: 'idle', route }))
  await until(() => heard.every((events_) => events_.length === 1))
  await holds('only what matches', () => silent.every((events_) => events_.length === 0))
}

async function broadcastsTasks(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const watcher = await context.peer()
  const route = routeOf(context.union)
  const statuses = await listen(watcher, { action: 'status', task: 'task' })
  const completions = await listen(watcher, { action: 'complete' })
  const inbox = await worker.consume(route)
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await delivery.report(progressOf(delivery, 1, 50))
  await delivery.ack(completeOf(delivery, { body: jsonBody('public') }))
  await until(() => completions.length > 0 && statuses.length > 0)
  const cancelled = taskOf(routeOf(context.union, 'other'))
  await caller.transport.send(cancelled)
  await caller.transport.cancel(cancelled.route, cancelled.tid, 'x')
  await until(() => completions.length === 2)
  await holds('once each', () => completions.length === 2 && statuses.length === 1)
  expect(statuses[0]).toMatchObject({ tid: task.tid, status: 'progress', progress: 50, seq: 1, attempt: 1 })
  expect(completions[0]).toMatchObject({
    tid: task.tid,
    status: 'succeed',
    attempt: 1,
    workgroup: 'workers',
    route,
  })
  expect(completions[1]).toMatchObject({ tid: cancelled.tid, status: 'cancelled', route: cancelled.route })
  expect(watcher.events).toEqual([])
}

async function closesListener(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const closed: AetherEvent[] = []
  const listener = await peer.transport.listen({}, (event) => closed.push(event))
  const open = await listen(peer, {})
  await peer.transport.publish(presence(context.union, 'w1'))
  await until(() => closed.length === 1 && open.length === 1)
  await listener.close()
  await listener.close()
  await peer.transport.publish(presence(context.union, 'w2'))
  await until(() => open.length === 2)
  await holds('silence', () => closed.length === 1)
}

async function keepsUnionsApart(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const heard = await listen(peer, {})
  await peer.transport.publish(presence(`${context.union}-other`, 'stranger'))
  await peer.transport.publish(presence(context.union, 'friend'))
  await until(() => heard.length > 0)
  await holds('the other union is silent', () => heard.length === 1)
  expect(heard[0]?.tid).toBe('friend')
}

async function keepsOrder(context: CaseContext): Promise<void> {
  const publisher = await context.peer()
  const heard = await listen(await context.peer(), { action: 'online' })
  const workers = Array.from({ length: 100 }, (_none, index) => `w${String(index)}`)
  await Promise.all(workers.map((worker) => publisher.transport.publish(presence(context.union, worker))))
  await until(() => heard.length === workers.length)
  expect(heard.map(({ tid }) => tid)).toEqual(workers)
}

async function carriesEveryAction(context: CaseContext): Promise<void> {
  const publisher = await context.peer()
  const heard = await listen(await context.peer(), {})
  const base = { route: routeOf(context.union), tid: 'free', client: 'c', host: 'h' }
  const sent: readonly AetherEvent[] = [
    {
      ...base,
      action: 'status',
      status: 'initialized',
      progress: 0,
      seq: 1,
      attempt: 1,
      workgroup: 'g',
      codec: 'json',
    },
    {
      ...base,
      action: 'complete',
      status: 'failed',
      attempt: 2,
      workgroup: 'g',
      codec: 'json',
      error: { code: 'ERR_AETHER_TASK_FAILED', message: 'oh', retryable: true },
    },
    { ...base, action: 'cancel', reason: 'grüße' },
    presence(context.union, 'w1', { action: 'dismiss' }),
  ]
  for (const event of sent) await publisher.transport.publish(event)
  await until(() => heard.length === sent.length)
  for (const [index, event] of sent.entries()) expect(heard[index]).toMatchObject(event)
}
