import type { ConsumeOptions, ErrorCode, TaskMessage } from '@aether/core'
import { expect } from 'vitest'

import { expectCode } from './expectations.ts'
import { completeOf, routeOf, taskOf } from './messages.ts'
import type { Peer } from './peer.ts'
import type { CaseContext, Suite } from './suite-case.ts'

/** Codes that tell the caller that what it gave is at fault. */
const inputCodes: readonly ErrorCode[] = [
  'ERR_AETHER_NAME_INVALID',
  'ERR_AETHER_TOPIC_INVALID',
  'ERR_AETHER_OPTIONS_INVALID',
  'ERR_AETHER_INPUT_INVALID',
  'ERR_AETHER_ENVELOPE_INVALID',
]

export const badInput: Suite = {
  name: 'bad input',
  cases: [
    { name: 'names with illegal characters are refused', run: refusesNames },
    { name: 'tasks with impossible values are refused', run: refusesTasks },
    { name: 'consumers with impossible options are refused', run: refusesConsumers },
  ],
}

const badNames = ['', 'a/b', 'a#', 'a b', 'a*', 'tab\t', 'zero\u0000', 'x'.repeat(70_000)]

/** What was refused has harmed nothing: a task still makes its round. */
async function expectWorking(peer: Peer, union: string): Promise<void> {
  const route = routeOf(union, 'working')
  const inbox = await peer.consume(route)
  const task = taskOf(route)
  await peer.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await delivery.ack(completeOf(delivery))
  await peer.completion(task.tid)
  expect(peer.transport.state.status).toBe('ready')
}

async function refusesNames(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const { transport } = peer
  const route = routeOf(context.union)
  for (const name of badNames) {
    await expectCode(transport.send(taskOf({ ...route, task: name })), ...inputCodes)
    await expectCode(transport.send(taskOf({ ...route, job: name })), ...inputCodes)
    await expectCode(transport.send(taskOf(route, { tid: name })), ...inputCodes)
    await expectCode(transport.send(taskOf(route, { workgroup: name })), ...inputCodes)
    await expectCode(transport.cancel(route, name, 'x'), ...inputCodes, 'ERR_AETHER_TASK_UNKNOWN')
    await expectCode(peer.consume({ ...route, task: name }), ...inputCodes)
    await expectCode(
      transport.listen({ task: name }, () => undefined),
      ...inputCodes,
    )
  }
  await expectCode(transport.send(taskOf({ ...route, context: '+' })), ...inputCodes)
  await expectWorking(peer, context.union)
}

async function refusesTasks(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const bad: readonly Partial<Record<keyof TaskMessage, unknown>>[] = [
    { attempts: 0 },
    { attempts: 1.5 },
    { attempts: Number.NaN },
    { priority: -1 },
    { priority: 10 },
    { priority: 0.5 },
    { delayMs: -1 },
    { delayMs: Number.NaN },
    { delayMs: Number.POSITIVE_INFINITY },
    { ttlMs: -1 },
    { deadline: Number.NaN },
    { deadline: 'tomorrow' },
    { body: 'text' },
    { body: undefined },
    { codec: 'yaml' },
  ]
  for (const parts of bad) {
    const task = { ...taskOf(route), ...parts } as TaskMessage
    await expectCode(peer.transport.send(task), ...inputCodes)
  }
  await expectWorking(peer, context.union)
}

async function refusesConsumers(context: CaseContext): Promise<void> {
  const peer = await context.peer()
  const route = routeOf(context.union)
  const bad: readonly Partial<Record<keyof ConsumeOptions, unknown>>[] = [
    { credit: 0 },
    { credit: -1 },
    { credit: 1.5 },
    { credit: Number.NaN },
    { leaseMs: 0 },
    { leaseMs: -1 },
    { leaseMs: Number.NaN },
    { leaseMs: Number.POSITIVE_INFINITY },
    { workgroup: 'a/b' },
    { workgroup: '' },
    { pool: { id: 'p', credit: 0 } },
  ]
  for (const parts of bad)
    await expectCode(peer.consume(route, parts as Partial<ConsumeOptions>), ...inputCodes)
  await expectWorking(peer, context.union)
}
