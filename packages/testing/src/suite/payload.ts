import type { Capabilities } from '@aether/core'
import { expect } from 'vitest'

import { expectCode, holds } from './expectations.ts'
import { completeOf, progressOf, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

/** Beyond this the exact limit is not tried: the bodies alone would take the machine. */
const largestTried = 64 * 1024 * 1024

const hasTriableLimit = ({ maxPayloadBytes }: Capabilities): boolean => maxPayloadBytes <= largestTried

export const payload: Suite = {
  name: 'payloads',
  cases: [
    { name: 'every byte passes unharmed in both directions, none included', run: passesBytes },
    { name: 'large bodies pass whole', run: passesLarge },
    { name: 'a body at the limit passes', requires: hasTriableLimit, run: passesAtLimit },
    {
      name: 'a body over the limit is ERR_AETHER_PAYLOAD_TOO_LARGE, and nothing else is harmed',
      requires: hasTriableLimit,
      run: refusesOverLimit,
    },
  ],
}

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8)) & 0xff
  return bytes
}

/** Compares without a diff of a million lines. */
function expectBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual?.byteLength).toBe(expected.byteLength)
  expect(Buffer.compare(actual ?? new Uint8Array(), expected), 'same bytes').toBe(0)
}

async function roundTrip(context: CaseContext, bodies: readonly Uint8Array[]): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  for (const body of bodies) {
    const task = taskOf(route, { body, codec: 'raw' })
    await caller.transport.send(task)
    const delivery = await inbox.of(task.tid)
    expect(delivery.task.codec).toBe('raw')
    expectBytes(delivery.task.body, body)
    await delivery.report(progressOf(delivery, 1, 50, body))
    await delivery.ack(completeOf(delivery, { body, codec: 'raw' }))
    const complete = await caller.completion(task.tid)
    expect(complete.codec).toBe('raw')
    expectBytes(complete.body ?? new Uint8Array(), body)
    expectBytes(caller.statuses(task.tid)[0]?.body ?? new Uint8Array(), body)
  }
}

async function passesBytes(context: CaseContext): Promise<void> {
  const every = Uint8Array.from({ length: 256 }, (_none, index) => index)
  const view = pattern(4_096).subarray(1_000, 1_017)
  await roundTrip(context, [every, new Uint8Array(), Uint8Array.of(0), view])
}

async function passesLarge(context: CaseContext): Promise<void> {
  const limit = Math.min(context.capabilities.maxPayloadBytes, 700_000)
  await roundTrip(context, [pattern(Math.min(65_536, limit)), pattern(limit)])
}

async function passesAtLimit(context: CaseContext): Promise<void> {
  await roundTrip(context, [pattern(context.capabilities.maxPayloadBytes)])
}

async function refusesOverLimit(context: CaseContext): Promise<void> {
  const caller = await context.peer()
  const worker = await context.peer()
  const route = routeOf(context.union)
  const inbox = await worker.consume(route)
  const body = new Uint8Array(context.capabilities.maxPayloadBytes + 1)
  const code = 'ERR_AETHER_PAYLOAD_TOO_LARGE'
  await expectCode(caller.transport.send(taskOf(route, { body, codec: 'raw' })), code)
  await holds('not sent', () => inbox.deliveries.length === 0)
  const task = taskOf(route)
  await caller.transport.send(task)
  const delivery = await inbox.of(task.tid)
  await expectCode(delivery.report(progressOf(delivery, 1, 1, body)), code)
  await expectCode(delivery.ack(completeOf(delivery, { body, codec: 'raw' })), code)
  const event = { action: 'online', route, tid: 'w', client: 'w', host: 'suite', body, codec: 'raw' } as const
  await expectCode(caller.transport.publish(event), code)
  await delivery.ack(completeOf(delivery))
  expect((await caller.completion(task.tid)).status).toBe('succeed')
  expect(worker.transport.state.status).toBe('ready')
}
