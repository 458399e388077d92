import { expect } from 'vitest'

import { until } from '../until.ts'
import { expectCode, holds } from './expectations.ts'
import { completeOf, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

const failure = { code: 'ERR_AETHER_TASK_FAILED', message: 'cannot ever work', retryable: false }

export const deadLetter: Suite = {
  name: 'dead letters',
  cases: [
    {
      name: 'a completion may keep the task with the dead letters',
      requires: ({ deadLetter: isDeclared }) => isDeclared,
      run: keepsRejected,
    },
    {
      name: 'a task past its last attempt is kept with the dead letters',
      requires: ({ deadLetter: isDeclared }) => isDeclared,
      run: keepsExhausted,
    },
    {
      name: 'asking for a dead letter is refused, and the lease stays',
      requires: ({ deadLetter: isDeclared }) => !isDeclared,
      async run(context) {
        const peer = await context.peer()
        const route = routeOf(context.union)
        const inbox = await peer.consume(route)
        const task = taskOf(route)
        await peer.transport.send(task)
        const delivery = await inbox.of(task.tid)
        await expectCode(
          delivery.ack(completeOf(delivery), { deadLetter: true }),
          'ERR_AETHER_CAPABILITY_UNSUPPORTED',
        )
        await delivery.ack(completeOf(delivery))
        await peer.completion(task.tid)
      },
    },
  ],
}

/** Where the environment can look at them, the letter is there; everywhere the caller has its one answer. */
async function expectKept(context: CaseContext, tid: string): Promise<void> {
  const environment = await context.environment()
  if (environment.deadLetters === undefined) return
  await until(async () => (await environment.deadLetters?.())?.includes(tid), { what: `dead letter ${tid}` })
}

async function keepsRejected(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const inbox = await peer.consume(route)
  const task = taskOf(route)
  await peer.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await delivery.ack(completeOf(delivery, { status: 'failed', error: failure }), { deadLetter: true })
  const complete = await peer.completion(task.tid)
  expect(complete).toMatchObject({ status: 'failed', attempt: 1 })
  expect(complete.error).toMatchObject(failure)
  await expectKept(context, task.tid)
  await holds('not delivered again', () => inbox.deliveries.length === 1)
}

async function keepsExhausted(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const inbox = await peer.consume(route)
  const task = taskOf(route, { attempts: 2 })
  await peer.transport.send(task)
  await (await inbox.of(task.tid, 1)).release({ failed: true, error: failure })
  await (await inbox.of(task.tid, 2)).release({ failed: true, error: failure })
  expect((await peer.completion(task.tid)).status).toBe('failed')
  await expectKept(context, task.tid)
}
