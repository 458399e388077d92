import { expect } from 'vitest'

import { until } from '../until.ts'
import { expectCode, holds } from './expectations.ts'
import { ackSoon, completeOf, jsonBody, progressOf, readJson, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const workgroups: Suite = {
  name: 'workgroups',
  cases: [
    {
      name: 'every workgroup gets its copy, and one worker of each works on it',
      requires: ({ groups }) => groups,
      run: copiesToEach,
    },
    {
      name: 'only the named workgroup answers the caller',
      requires: ({ groups }) => groups,
      run: namedAnswers,
    },
    {
      name: 'attempts are counted in each workgroup for itself',
      requires: ({ groups }) => groups,
      run: countsApart,
    },
    {
      name: 'a second workgroup is refused',
      requires: ({ groups }) => !groups,
      async run(context) {
        const { transport } = await context.peer()
        const options = { workgroup: 'observers', credit: 1, leaseMs: 1_000 }
        await expectCode(
          transport.consume(routeOf(context.union), options, () => undefined),
          'ERR_AETHER_CAPABILITY_UNSUPPORTED',
        )
      },
    },
  ],
}

async function copiesToEach(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const route = routeOf(context.union)
  const inboxes = new Map<string, string[]>()
  for (const workgroup of ['workers', 'audit', 'metrics']) {
    const tids: string[] = []
    inboxes.set(workgroup, tids)
    for (let index = 0; index < 2; index += 1) {
      const worker = await context.peer()
      await worker.consume(route, { workgroup }, (delivery) => {
        tids.push(delivery.task.tid)
        ackSoon(delivery, { workgroup })
      })
    }
  }
  const tasks = Array.from({ length: 20 }, () => taskOf(route))
  for (const task of tasks) await caller.transport.send(task)
  const expected = tasks.map(({ tid }) => tid).toSorted()
  await until(() => [...inboxes.values()].every((tids) => tids.length >= 20))
  await holds('no more than one each', () => [...inboxes.values()].every((tids) => tids.length === 20))
  for (const tids of inboxes.values()) expect(tids.toSorted()).toEqual(expected)
}

async function namedAnswers(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const named = await worker.consume(route, { workgroup: 'resizers' })
  const observing = await worker.consume(route, { workgroup: 'audit' })
  const task = taskOf(route, { workgroup: 'resizers' })
  await caller.transport.send(task)
  const observed = await observing.of(task.tid)
  await observed.report(progressOf(observed, 1, 50)).catch(() => undefined)
  await observed.ack(completeOf(observed, { workgroup: 'audit', body: jsonBody('not for the caller') }))
  await holds('an observer does not answer', () => caller.completions(task.tid).length === 0)
  expect(caller.statuses(task.tid)).toEqual([])
  const delivery = await named.of(task.tid)
  await delivery.ack(completeOf(delivery, { workgroup: 'resizers', body: jsonBody('the answer') }))
  const complete = await caller.completion(task.tid)
  expect(complete.workgroup).toBe('resizers')
  expect(readJson(complete.body)).toBe('the answer')
  await holds('one answer', () => caller.completions(task.tid).length === 1)
}

async function countsApart(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const named = await worker.consume(route)
  const observing = await worker.consume(route, { workgroup: 'audit' })
  const task = taskOf(route)
  await caller.transport.send(task)
  await (await observing.of(task.tid, 1)).release({ failed: true })
  const again = await observing.of(task.tid, 2)
  const delivery = await named.of(task.tid)
  expect(delivery.attempt).toBe(1)
  await delivery.ack(completeOf(delivery))
  expect((await caller.completion(task.tid)).attempt).toBe(1)
  await again.ack(completeOf(again, { workgroup: 'audit' }))
  expect(named.deliveries).toHaveLength(1)
}
