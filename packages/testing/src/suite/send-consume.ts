import { expect } from 'vitest'

import { until } from '../until.ts'
import { expectCode, holds } from './expectations.ts'
import { ackSoon, completeOf, jsonBody, newTid, progressOf, readJson, routeOf, taskOf } from './messages.ts'
import type { TaskInbox } from './peer.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const sendConsume: Suite = {
  name: 'send and consume',
  cases: [
    { name: 'a task arrives as it was sent, and its completion as the worker gave it', run: arrivesWhole },
    { name: 'a failed completion carries its error', run: carriesError },
    { name: 'progress reaches the caller in order, before the completion', run: carriesProgress },
    { name: 'a route is matched level by level, and + stands for any', run: matchesRoutes },
    { name: 'nothing crosses from one union to another', run: keepsUnionsApart },
    { name: 'many tasks over several workers: each runs once, each completes once', run: sharesWork },
    { name: 'a closed consumer gets nothing new and may settle what it has', run: closesConsumer },
    {
      name: 'without a worker a task that does not wait is refused with ERR_AETHER_WORKERS_NONE',
      async run(context) {
        const peer = await context.peer()
        const route = routeOf(context.union)
        await expectCode(
          peer.transport.send(taskOf(route, { waitForWorkers: false })),
          'ERR_AETHER_WORKERS_NONE',
        )
        const inbox = await peer.consume(route)
        const task = taskOf(route, { waitForWorkers: false })
        await peer.transport.send(task)
        const delivery = await inbox.of(task.tid)
        await delivery.ack(completeOf(delivery))
        await peer.completion(task.tid)
      },
    },
  ],
}

async function arrivesWhole(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union, 'whole', 'prod')
  const inbox = await worker.consume(route)
  const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', note: 'grüße ✓' }
  const task = taskOf(route, {
    body: jsonBody({ text: 'grüße ✓' }),
    headers,
    attempts: 7,
    client: 'me',
    host: 'here',
  })
  expect(await caller.transport.send(task)).toEqual({ deduplicated: false })
  const delivery = await inbox.at(0)
  expect(delivery.attempt).toBe(1)
  const { tid, workgroup, codec, client, host, attempts } = delivery.task
  expect({ tid, workgroup, codec, client, host, attempts }).toEqual({
    tid: task.tid,
    workgroup: 'workers',
    codec: 'json',
    client: 'me',
    host: 'here',
    attempts: 7,
  })
  expect(delivery.task.route).toEqual(route)
  expect(delivery.task.headers).toMatchObject(headers)
  expect(readJson(delivery.task.body)).toEqual({ text: 'grüße ✓' })
  // Deadlines travel as what remains, so the hop itself may shift them a little.
  expect(Math.abs(delivery.task.deadline - task.deadline)).toBeLessThan(5_000)
  await delivery.ack(completeOf(delivery, { client: 'its-worker', body: jsonBody('done') }))
  const complete = await caller.completion(task.tid)
  expect(complete).toMatchObject({
    action: 'complete',
    status: 'succeed',
    attempt: 1,
    workgroup: 'workers',
    tid,
  })
  expect(complete.client).toBe('its-worker')
  expect(complete.route).toEqual(route)
  expect(readJson(complete.body)).toBe('done')
  await holds('one completion', () => caller.completions(task.tid).length === 1)
  expect(worker.events).toEqual([])
}

async function carriesError(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.at(0)
  const error = { code: 'ERR_AETHER_TASK_FAILED', message: 'no such file: grüße', retryable: true }
  await delivery.ack(completeOf(delivery, { status: 'failed', error }))
  const complete = await caller.completion(task.tid)
  expect(complete.status).toBe('failed')
  expect(complete.error).toMatchObject(error)
}

async function carriesProgress(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.at(0)
  for (let step = 1; step <= 10; step += 1)
    await delivery.report(progressOf(delivery, step, step * 10, jsonBody({ step })))
  await delivery.ack(completeOf(delivery))
  await caller.completion(task.tid)
  const statuses = caller.statuses(task.tid).filter(({ status }) => status === 'progress')
  expect(statuses.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(statuses.map(({ progress }) => progress)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
  expect(statuses.map(({ body }) => readJson(body))).toEqual(
    statuses.map((_status, index) => ({ step: index + 1 })),
  )
  expect(statuses.every(({ attempt, workgroup }) => attempt === 1 && workgroup === 'workers')).toBe(true)
  expect(caller.events.at(-1)?.action).toBe('complete')
}

async function matchesRoutes(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const one = await worker.consume(routeOf(context.union, 'one', 'x'))
  const any = await worker.consume(routeOf(context.union, 'two', '+'))
  const tasks = [
    taskOf(routeOf(context.union, 'one', 'x')),
    taskOf(routeOf(context.union, 'two', 'x')),
    taskOf(routeOf(context.union, 'two', 'prod')),
  ]
  const unmatched = taskOf(routeOf(context.union, 'one', 'other'))
  for (const task of [...tasks, unmatched]) await caller.transport.send(task)
  await until(() => one.deliveries.length === 1 && any.deliveries.length === 2)
  await holds('only what matches', () => one.deliveries.length === 1 && any.deliveries.length === 2)
  expect(one.deliveries[0]?.task.tid).toBe(tasks[0]?.tid)
  expect(any.deliveries.map(({ task }) => task.route.context).toSorted()).toEqual(['prod', 'x'])
}

async function keepsUnionsApart(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const there = await peer.consume(routeOf(`${context.union}-other`))
  const task = taskOf(routeOf(context.union))
  await peer.transport.send(task)
  // Only the other union has a worker: the task waits for one of its own.
  await holds('the other union is silent', () => there.deliveries.length === 0)
  const here = await peer.consume(routeOf(context.union))
  await here.of(task.tid)
  expect(there.deliveries).toEqual([])
}

async function sharesWork(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const route = routeOf(context.union)
  const inboxes: TaskInbox[] = []
  for (let index = 0; index < 3; index += 1) {
    const worker = await context.peer()
    inboxes.push(
      await worker.consume(route, { credit: 4 }, (delivery) => {
        setImmediate(() => ackSoon(delivery, { client: worker.client }))
      }),
    )
  }
  const tids = Array.from({ length: 120 }, () => newTid('share'))
  await Promise.all(tids.map((tid) => caller.transport.send(taskOf(route, { tid }))))
  await until(() => tids.every((tid) => caller.completions(tid).length > 0))
  await holds('each once', () => tids.every((tid) => caller.completions(tid).length === 1))
  const delivered = inboxes.flatMap(({ deliveries }) => deliveries.map(({ task }) => task.tid))
  expect(delivered.toSorted()).toEqual(tids.toSorted())
  expect(inboxes.every(({ deliveries }) => deliveries.length > 0)).toBe(true)
}

async function closesConsumer(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { credit: 1 })
  const first = taskOf(route)
  await caller.transport.send(first)
  const delivery = await inbox.of(first.tid)
  await inbox.consumer.close()
  await inbox.consumer.close()
  const second = taskOf(route)
  await caller.transport.send(second)
  await delivery.ack(completeOf(delivery))
  await caller.completion(first.tid)
  await holds('nothing new', () => inbox.deliveries.length === 1)
  const next = await worker.consume(route)
  await next.of(second.tid)
}
