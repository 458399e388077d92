import type { Transport, TransportState } from '@aether/core'
import { expect } from 'vitest'

import { until } from '../until.ts'
import { bounded, expectCode, expectReason } from './expectations.ts'
import { completeOf, newTid, routeOf, taskOf } from './messages.ts'
import type { CaseContext, Suite } from './suite-case.ts'

export const lifecycle: Suite = {
  name: 'lifecycle and state',
  cases: [
    {
      name: 'declares the capabilities that it was announced with',
      async run(context) {
        expect((await context.transport()).capabilities).toEqual(context.capabilities)
      },
    },
    {
      name: 'goes from idle through starting to ready, then closing and closed',
      run: followsStates,
    },
    {
      name: 'refuses a second start',
      async run(context) {
        const { transport } = await context.peer()
        await expectCode(transport.start(host(context)), 'ERR_AETHER_OPTIONS_INVALID')
        expect(transport.state.status).toBe('ready')
      },
    },
    {
      name: 'close is idempotent, and so is closing what never started',
      async run(context) {
        const { transport } = await context.peer()
        await Promise.all([transport.close(), transport.close()])
        await transport.close()
        expect(transport.state.status).toBe('closed')
        const never = await context.transport()
        await never.close()
        expect(never.state.status).toBe('closed')
      },
    },
    { name: 'after close every call rejects with ERR_AETHER_TRANSPORT_CLOSED', run: refusesAfterClose },
    {
      name: 'close while starting leaves it closed',
      async run(context) {
        const transport = await context.transport()
        const starting = transport.start(host(context)).catch((error: unknown) => error)
        await bounded('close', transport.close(), 10_000)
        await bounded('start', starting, 10_000)
        expect(transport.state.status).toBe('closed')
      },
    },
    { name: 'an aborted signal is refused with its reason and nothing is sent', run: refusesAborted },
  ],
}

function host(context: CaseContext): Parameters<Transport['start']>[0] {
  const silent = (): void => undefined
  return {
    union: context.union,
    client: 'lifecycle',
    host: 'suite',
    onEvent: silent,
    logger: { debug: silent, info: silent, warn: silent, error: silent },
  }
}

async function followsStates(context: CaseContext): Promise<void> {
  const transport = await context.transport()
  expect(transport.state.status).toBe('idle')
  const seen: TransportState[] = []
  const following = (async () => {
    for await (const state of transport.states()) seen.push(state)
  })()
  await transport.start(host(context))
  const { state } = transport
  expect(state.status).toBe('ready')
  if (state.status === 'ready') expect(state.generation).toBeGreaterThanOrEqual(1)
  await until(() => seen.some(({ status }) => status === 'ready'))
  await transport.close()
  await bounded('the end of states()', following, 5_000)
  const order = seen.map(({ status }) => status).filter((status) => status !== 'idle')
  expect(order).toEqual(['starting', 'ready', 'closing', 'closed'])
}

async function refusesAfterClose(context: CaseContext): Promise<void> {
  const { transport } = await context.peer()
  const route = routeOf(context.union)
  await transport.close()
  const code = 'ERR_AETHER_TRANSPORT_CLOSED'
  const { tid } = taskOf(route)
  const presence = {
    action: 'online',
    route,
    tid: 'worker',
    client: 'worker',
    host: 'suite',
    body: new Uint8Array(),
    codec: 'raw',
  } as const
  await expectCode(transport.send(taskOf(route)), code)
  await expectCode(transport.cancel(route, tid, 'late'), code)
  await expectCode(
    transport.consume(route, { workgroup: 'workers', credit: 1, leaseMs: 1_000 }, () => undefined),
    code,
  )
  await expectCode(transport.publish(presence), code)
  await expectCode(
    transport.listen({}, () => undefined),
    code,
  )
  await expectCode(transport.start(host(context)), code, 'ERR_AETHER_OPTIONS_INVALID')
  if (context.capabilities.results) await expectCode(transport.attach(route, tid), code)
}

async function refusesAborted(context: CaseContext): Promise<void> {
  const reason = new Error('no longer wanted')
  const signal = AbortSignal.abort(reason)
  const idle = await context.transport()
  await expectReason(idle.start(host(context), { signal }), reason)
  const peer = await context.peer()
  const route = routeOf(context.union)
  const inbox = await peer.consume(route)
  const refused = taskOf(route)
  await expectReason(peer.transport.send(refused, { signal }), reason)
  await expectReason(peer.transport.cancel(route, newTid(), 'x', { signal }), reason)
  const taken = taskOf(route)
  await peer.transport.send(taken)
  const delivery = await inbox.of(taken.tid)
  await delivery.ack(completeOf(delivery))
  await peer.completion(taken.tid)
  expect(inbox.deliveries.map(({ task }) => task.tid)).toEqual([taken.tid])
}
