import { isAetherError } from '@aether/core'
import type { Delivery } from '@aether/core'
import { expect } from 'vitest'

import { until } from '../until.ts'
import { expectCode, holds } from './expectations.ts'
import { completeOf, jsonBody, progressOf, readJson, routeOf, taskOf } from './messages.ts'
import { redelivers } from './suite-case.ts'
import type { CaseContext, Suite } from './suite-case.ts'

const shortLeaseMs = 400

export const leases: Suite = {
  name: 'leases and fences',
  cases: [
    {
      name: 'a lease that is not renewed ends, its worker is told, and the task goes on under the next attempt',
      requires: redelivers,
      run: expires,
    },
    { name: 'renewing holds a lease', requires: redelivers, run: renews },
    {
      name: 'a lost lease can neither renew, report, release nor ack',
      requires: redelivers,
      run: refusesStale,
    },
    {
      name: 'onRevoke registered after the loss is called at once',
      requires: redelivers,
      run: tellsLate,
    },
    {
      name: 'a lost lease gives its credit back',
      requires: redelivers,
      run: freesCredit,
    },
    {
      name: 'leases return at once when their transport closes',
      requires: redelivers,
      run: returnsOnClose,
    },
    {
      name: 'losing the lease counts as an attempt: past the last the task fails',
      requires: redelivers,
      run: exhausts,
    },
    {
      name: 'a delivery is settled once',
      run: settlesOnce,
    },
  ],
}

/** Until the case is over: on a busy machine what follows may take longer than the lease. */
function keepAlive(context: CaseContext, delivery: Delivery): void {
  const renewing = setInterval(() => void delivery.renew().catch(() => undefined), shortLeaseMs / 8)
  context.defer(() => clearInterval(renewing))
}

async function expires(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { leaseMs: shortLeaseMs })
  const task = taskOf(route)
  await caller.transport.send(task)
  const first = await inbox.of(task.tid, 1)
  const deliveredAt = performance.now()
  const reasons: string[] = []
  first.onRevoke((reason) => reasons.push(reason.code))
  const second = await inbox.of(task.tid, 2)
  keepAlive(context, second)
  // The lease began before its delivery arrived here, so allow for the way.
  expect(performance.now() - deliveredAt).toBeGreaterThan(shortLeaseMs / 2)
  await until(() => reasons.length > 0)
  expect(reasons).toEqual(['ERR_AETHER_LEASE_LOST'])
  await expectCode(first.ack(completeOf(first, { body: jsonBody('stale') })), 'ERR_AETHER_LEASE_LOST')
  await second.ack(completeOf(second, { body: jsonBody('fresh') }))
  const complete = await caller.completion(task.tid)
  expect(complete.attempt).toBe(2)
  expect(readJson(complete.body)).toBe('fresh')
  await holds('one completion', () => caller.completions(task.tid).length === 1)
  expect(inbox.deliveries).toHaveLength(2)
}

async function renews(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const leaseMs = 1_000
  const inbox = await worker.consume(route, { leaseMs })
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid, 1)
  const endsAt = performance.now() + 2.5 * leaseMs
  const timer = setInterval(() => void delivery.renew().catch(() => undefined), leaseMs / 5)
  context.defer(() => clearInterval(timer))
  await until(() => performance.now() > endsAt, { intervalMs: 20, what: 'two and a half leases' })
  clearInterval(timer)
  await delivery.ack(completeOf(delivery))
  expect((await caller.completion(task.tid)).attempt).toBe(1)
  expect(inbox.deliveries).toHaveLength(1)
}

async function refusesStale(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { leaseMs: shortLeaseMs })
  const task = taskOf(route)
  await caller.transport.send(task)
  const first = await inbox.of(task.tid, 1)
  const second = await inbox.of(task.tid, 2)
  keepAlive(context, second)
  const code = 'ERR_AETHER_LEASE_LOST'
  await expectCode(first.renew(), code)
  await expectCode(first.report(progressOf(first, 1, 10)), code)
  await expectCode(first.release({ failed: true }), code)
  await expectCode(first.ack(completeOf(first)), code)
  expect(caller.statuses(task.tid).filter(({ attempt }) => attempt === 1)).toEqual([])
  await second.ack(completeOf(second))
  await caller.completion(task.tid)
  await holds(
    'nothing more',
    () => inbox.deliveries.length === 2 && caller.completions(task.tid).length === 1,
  )
}

async function tellsLate(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { leaseMs: shortLeaseMs })
  const task = taskOf(route)
  await caller.transport.send(task)
  const first = await inbox.of(task.tid, 1)
  await inbox.of(task.tid, 2)
  await expectCode(first.renew(), 'ERR_AETHER_LEASE_LOST')
  let reason: unknown
  first.onRevoke((given) => {
    reason = given
  })
  await until(() => reason !== undefined)
  expect(isAetherError(reason) && reason.code).toBe('ERR_AETHER_LEASE_LOST')
}

async function freesCredit(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { leaseMs: shortLeaseMs, credit: 1 })
  const tasks = [taskOf(route), taskOf(route)]
  for (const task of tasks) await caller.transport.send(task)
  await until(() => inbox.deliveries.length >= 3, { what: 'deliveries beyond the credit, as leases end' })
}

async function returnsOnClose(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const leaver = await context.peer()
  const stayer = await context.peer()
  const route = routeOf(context.union)
  const leaving = await leaver.consume(route, { leaseMs: 120_000, credit: 4 })
  const tasks = Array.from({ length: 4 }, () => taskOf(route))
  for (const task of tasks) await caller.transport.send(task)
  await leaving.at(3)
  const staying = await stayer.consume(route, { leaseMs: 120_000, credit: 4 })
  await leaver.transport.close({ signal: AbortSignal.abort() })
  for (const task of tasks) {
    const delivery = await staying.of(task.tid)
    expect(delivery.attempt).toBe(2)
    await delivery.ack(completeOf(delivery))
    await caller.completion(task.tid)
  }
}

async function exhausts(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route, { leaseMs: 200 })
  const task = taskOf(route, { attempts: 2 })
  await caller.transport.send(task)
  const complete = await caller.completion(task.tid)
  expect(complete.status).toBe('failed')
  expect(complete.error?.code).toBe('ERR_AETHER_ATTEMPTS_EXHAUSTED')
  await holds('no third attempt', () => inbox.deliveries.length === 2, 300)
}

async function settlesOnce(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid)
  let revoked = 0
  delivery.onRevoke(() => {
    revoked += 1
  })
  await delivery.ack(completeOf(delivery))
  await expectCode(delivery.ack(completeOf(delivery)), 'ERR_AETHER_LEASE_LOST')
  await expectCode(delivery.release(), 'ERR_AETHER_LEASE_LOST')
  await caller.completion(task.tid)
  await holds(
    'settled once',
    () => caller.completions(task.tid).length === 1 && inbox.deliveries.length === 1,
  )
  expect(revoked).toBe(0)
}
