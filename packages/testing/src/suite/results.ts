import { expect } from 'vitest'

import { until } from '../until.ts'
import { expectCode, holds } from './expectations.ts'
import { completeOf, jsonBody, newTid, progressOf, readJson, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

const declared = ({ results }: { readonly results: boolean }): boolean => results

export const results: Suite = {
  name: 'attach and results',
  cases: [
    { name: 'another instance may follow a running task', requires: declared, run: follows },
    {
      name: 'a finished task is answered at once from what is stored',
      requires: declared,
      run: answersStored,
    },
    { name: 'every kind of end is stored', requires: declared, run: storesEveryEnd },
    {
      name: 'an unknown tid is ERR_AETHER_TASK_UNKNOWN',
      requires: declared,
      async run(context) {
        const peer = await context.peer()
        const route = routeOf(context.union)
        await expectCode(peer.transport.attach(route, newTid('never')), 'ERR_AETHER_TASK_UNKNOWN')
      },
    },
    { name: 'a result is forgotten after its time', requires: declared, run: forgets },
    {
      name: 'attach is refused',
      requires: (capabilities) => !capabilities.results,
      async run(context) {
        const peer = await context.peer()
        await expectCode(
          peer.transport.attach(routeOf(context.union), newTid()),
          'ERR_AETHER_CAPABILITY_UNSUPPORTED',
        )
      },
    },
  ],
}

async function follows(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const follower = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await delivery.report(progressOf(delivery, 1, 10))
  await follower.transport.attach(route, task.tid)
  await delivery.report(progressOf(delivery, 2, 20))
  await delivery.ack(completeOf(delivery, { body: jsonBody('shared') }))
  for (const peer of [caller, follower]) {
    expect(readJson((await peer.completion(task.tid)).body)).toBe('shared')
    await holds('one completion', () => peer.completions(task.tid).length === 1, 60)
  }
  expect(caller.statuses(task.tid).map(({ seq }) => seq)).toEqual([1, 2])
  expect(follower.statuses(task.tid).map(({ seq }) => seq)).toEqual([2])
}

async function answersStored(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const route = routeOf(context.union)
  const inbox = await caller.consume(route)
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await delivery.ack(completeOf(delivery, { body: jsonBody({ kept: true }), client: 'its-worker' }))
  await caller.completion(task.tid)
  await caller.transport.close()
  const later = await context.peer()
  await later.transport.attach(route, task.tid)
  const complete = await later.completion(task.tid)
  expect(complete).toMatchObject({
    status: 'succeed',
    attempt: 1,
    workgroup: 'workers',
    client: 'its-worker',
  })
  expect(readJson(complete.body)).toEqual({ kept: true })
}

async function storesEveryEnd(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const cancelled = taskOf(route)
  await peer.transport.send(cancelled)
  await peer.transport.cancel(route, cancelled.tid, 'x')
  await peer.completion(cancelled.tid)
  const failing = taskOf(route)
  const inbox = await peer.consume(route)
  await peer.transport.send(failing)
  const delivery = await inbox.of(failing.tid)
  const error = { code: 'ERR_AETHER_TASK_FAILED', message: 'kept', retryable: false }
  await delivery.ack(completeOf(delivery, { status: 'failed', error }))
  await peer.completion(failing.tid)
  const later = await context.peer()
  await later.transport.attach(route, cancelled.tid)
  await later.transport.attach(route, failing.tid)
  expect((await later.completion(cancelled.tid)).status).toBe('cancelled')
  const failed = await later.completion(failing.tid)
  expect(failed.status).toBe('failed')
  expect(failed.error).toMatchObject(error)
}

async function forgets(context: CaseContext): Promise<void> {
  await context.environment({ resultTtlMs: 300 })
  const peer = await context.peer()
  const route = routeOf(context.union)
  const task = taskOf(route)
  await peer.transport.send(task)
  await peer.transport.cancel(route, task.tid, 'x')
  await peer.completion(task.tid)
  const later = await context.peer()
  const error = await until(() =>
    later.transport.attach(route, task.tid).then(
      () => false,
      (thrown: unknown) => thrown as Error,
    ),
  )
  await expectCode(Promise.reject(error), 'ERR_AETHER_TASK_UNKNOWN')
}
