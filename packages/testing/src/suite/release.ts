import { expect } from 'vitest'

import { expectCode, holds } from './expectations.ts'
import { completeOf, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const release: Suite = {
  name: 'release and retry',
  cases: [
    {
      name: 'what is given back is delivered again, and does not count as failed',
      run: returnsUncounted,
    },
    { name: 'a failed attempt is tried again until the last', run: retries },
    {
      name: 'the next attempt waits for its delay, and lets others pass',
      run: backsOff,
    },
    {
      name: 'the next attempt may go to another worker',
      run: movesOn,
    },
  ],
}

const failure = { code: 'ERR_AETHER_TASK_FAILED', message: 'out of paper', retryable: true }

async function returnsUncounted(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const task = taskOf(route, { attempts: 1 })
  await caller.transport.send(task)
  for (const attempt of [1, 2, 3]) await (await inbox.of(task.tid, attempt)).release()
  const last = await inbox.of(task.tid, 4)
  await last.ack(completeOf(last))
  expect(await caller.completion(task.tid)).toMatchObject({ status: 'succeed', attempt: 4 })
}

async function retries(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const task = taskOf(route, { attempts: 3 })
  await caller.transport.send(task)
  for (const attempt of [1, 2, 3]) {
    expect(caller.completions(task.tid)).toEqual([])
    const delivery = await inbox.of(task.tid, attempt)
    await delivery.release({ failed: true, error: failure })
    await expectCode(delivery.ack(completeOf(delivery)), 'ERR_AETHER_LEASE_LOST')
  }
  const complete = await caller.completion(task.tid)
  expect(complete).toMatchObject({ status: 'failed', attempt: 3 })
  expect(complete.error).toMatchObject(failure)
  await holds('no fourth attempt', () => inbox.deliveries.length === 3)
  expect(caller.completions(task.tid)).toHaveLength(1)
}

async function backsOff(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { credit: 1 })
  const task = taskOf(route)
  await caller.transport.send(task)
  const first = await inbox.of(task.tid, 1)
  const releasedAt = performance.now()
  await first.release({ failed: true, delayMs: 500, error: failure })
  const other = taskOf(route)
  await caller.transport.send(other)
  const passing = await inbox.of(other.tid)
  await passing.ack(completeOf(passing))
  const second = await inbox.of(task.tid, 2)
  // One millisecond for clocks that round.
  expect(performance.now() - releasedAt).toBeGreaterThanOrEqual(499)
  expect(inbox.deliveries.map((delivery) => delivery.task.tid)).toEqual([task.tid, other.tid, task.tid])
  await second.ack(completeOf(second))
  await caller.completion(task.tid)
}

async function movesOn(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const tired = await context.peer()
  const fresh = await context.peer()
  const route = routeOf(context.union)
  const tiredInbox = await tired.consume(route, { credit: 1 })
  const task = taskOf(route)
  await caller.transport.send(task)
  const first = await tiredInbox.of(task.tid)
  const freshInbox = await fresh.consume(route)
  await tiredInbox.consumer.close()
  await first.release()
  const second = await freshInbox.of(task.tid, 2)
  await second.ack(completeOf(second, { client: fresh.client }))
  expect((await caller.completion(task.tid)).client).toBe(fresh.client)
}
