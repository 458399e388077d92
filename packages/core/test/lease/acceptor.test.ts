import { describe, expect, test } from 'vitest'

import type { Signal } from '../../src/lease/relay.ts'
import type { CompleteEvent } from '../../src/transport.ts'
import { completeOf, party, route, statusOf, taskOf } from '../support/lease-party.ts'

describe('peers that know no inbox', () => {
  test('their worker is tracked until its completion, by the deadline alone', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    caller.relay.host!.onSignal(pythonStatus('1'))
    caller.relay.host!.onSignal(pythonStatus('1'))
    await clock.advance(50_000)
    caller.relay.host!.onSignal(pythonComplete('1', 'succeed'))
    await clock.advance(10)
    expect(caller.events).toMatchObject([
      // They do not count what they say, so it is counted here: runs drop what is not newer.
      { action: 'status', attempt: 1, workgroup: 'workers', seq: 1 },
      { action: 'status', attempt: 1, workgroup: 'workers', seq: 2 },
      { action: 'complete', status: 'succeed', attempt: 1, workgroup: 'workers', client: 'py' },
    ])
  })

  test('their task is answered by topic, and what fails is handed on until its attempts are over', async () => {
    const { clock, member } = party()
    const python = await member('python')
    const worker = await member('worker')
    await worker.consume()
    const heard: string[] = []
    await python.relay.listen({ tid: '1' }, (event) =>
      heard.push(event.action === 'complete' ? event.status : event.action),
    )
    await python.relay.send(taskOf('1', { attempts: 2 }), { attempt: 1 })
    await clock.advance(5)
    await worker.deliveries[0]!.renew()
    await worker.deliveries[0]!.report(statusOf(worker.deliveries[0]!, 1))
    await worker.deliveries[0]!.release({ failed: true, delayMs: 100 })
    await clock.advance(200)
    expect(worker.deliveries.map(({ attempt }) => attempt)).toEqual([1, 2])
    await worker.deliveries[1]!.ack(completeOf(worker.deliveries[1]!))
    await clock.advance(5)
    // Status 0 when a worker takes it, which is how such peers know an accept; at its second attempt again.
    expect(heard).toEqual(['status', 'status', 'status', 'succeed'])
    await python.relay.send(taskOf('1'), { attempt: 1 })
    await clock.advance(5)
    expect(heard.slice(4)).toEqual(['succeed'])
    expect(worker.deliveries).toHaveLength(2)
  })

  test('their task is accepted by status 0, once it is begun and not while it only waits for credit', async () => {
    const { clock, member } = party()
    const python = await member('python')
    const worker = await member('worker')
    await worker.consume({ credit: 1 })
    const heard: unknown[] = []
    await python.relay.listen({ action: 'status' }, (event) => heard.push(event))
    await python.relay.send(taskOf('1'), { attempt: 1 })
    await python.relay.send(taskOf('2'), { attempt: 1 })
    await clock.advance(5)
    const accepted = { action: 'status', status: 'initialized', progress: 0, attempt: 1, client: 'worker' }
    expect(heard).toMatchObject([{ tid: '1', ...accepted, host: 'host-worker', workgroup: 'workers' }])
    await worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!))
    await clock.advance(5)
    expect(heard.slice(1)).toMatchObject([{ tid: '2', ...accepted }])
  })

  test('a worker that says its workgroup goes before one that does not', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    await worker.consume()
    await caller.transport.send(taskOf('1'))
    // It may belong to a workgroup that only observes: nobody can know.
    caller.relay.host!.onSignal(pythonStatus('1'))
    await clock.advance(10)
    await worker.deliveries[0]!.report(statusOf(worker.deliveries[0]!, 1))
    caller.relay.host!.onSignal(pythonComplete('1', 'failed'))
    await clock.advance(10)
    // What either says reaches the run, which drops what is not newer.
    expect(caller.events).toMatchObject([
      { client: 'py', seq: 1 },
      { client: 'worker', seq: 2 },
    ])
    expect(caller.completions('1')).toHaveLength(0)
    const acked = worker.deliveries[0]!.ack(completeOf(worker.deliveries[0]!))
    await clock.advance(10)
    await acked
    expect(caller.completions('1')).toMatchObject([{ status: 'succeed', client: 'worker' }])
  })

  test('their cancel ends their own task, wherever it is, and is answered by topic', async () => {
    const { clock, member } = party()
    const python = await member('python')
    const worker = await member('worker')
    await worker.consume({ credit: 1 })
    const ended: unknown[] = []
    await python.relay.listen({ action: 'complete' }, (event) => ended.push(event))
    await python.relay.send(taskOf('runs'), { attempt: 1 })
    await python.relay.send(taskOf('waits'), { attempt: 1 })
    await clock.advance(5)
    const reasons: string[] = []
    worker.deliveries[0]!.onRevoke(({ code }) => reasons.push(code))
    for (const tid of ['waits', 'runs', 'late']) worker.relay.host!.onSignal(pythonCancel(tid))
    await python.relay.send(taskOf('late'), { attempt: 1 })
    await clock.advance(5)
    expect(reasons).toEqual(['ERR_AETHER_TASK_CANCELLED'])
    expect(worker.deliveries).toHaveLength(1)
    const error = { code: 'ERR_AETHER_TASK_CANCELLED' }
    expect(ended).toMatchObject([
      { tid: 'waits', status: 'cancelled', attempt: 1, error },
      { tid: 'runs', status: 'cancelled', attempt: 1, error },
      { tid: 'late', status: 'cancelled', error },
    ])
  })

  test('their cancel ends tasks of others, queued or running, and is told to everyone once', async () => {
    const { clock, hub, member } = party()
    const caller = await member('caller')
    const worker = await member('worker')
    const heard: string[] = []
    // What an engine does that carries cancels by topic: each instance hears those of the others too.
    for (const { relay } of [caller, worker])
      await relay.listen({ action: 'cancel' }, (event) => {
        if (event.client !== relay.host!.client) relay.host!.onSignal(pythonCancel(event.tid))
        heard.push(event.tid)
      })
    await caller.transport.send(taskOf('queued'))
    caller.relay.host!.onSignal(pythonCancel('queued'))
    await clock.advance(1_000)
    expect(caller.completions('queued')).toMatchObject([{ status: 'cancelled', attempt: 0 }])
    await worker.consume()
    await caller.transport.send(taskOf('runs'))
    await clock.advance(10)
    for (const { relay } of [caller, worker]) relay.host!.onSignal(pythonCancel('runs'))
    await clock.advance(1_000)
    expect(caller.completions('runs')).toMatchObject([{ status: 'cancelled', attempt: 1 }])
    expect(heard.toSorted()).toEqual(['queued', 'queued', 'runs', 'runs'])
    expect(hub.sent.length).toBeLessThan(40)
  })
})

const pythonBase = { route, workgroup: '', attempt: 0 }

function pythonStatus(tid: string): Signal {
  const event = { ...eventBase(tid), action: 'status', status: 'progress', progress: 0, seq: 0 } as const
  return { ...pythonBase, tid, kind: 'status', event }
}

function pythonComplete(tid: string, status: 'failed' | 'succeed'): Signal {
  return { ...pythonBase, tid, kind: 'complete', event: { ...eventBase(tid), action: 'complete', status } }
}

function pythonCancel(tid: string): Signal {
  return { ...pythonBase, tid, kind: 'cancel' }
}

function eventBase(tid: string): Omit<CompleteEvent, 'action' | 'status'> {
  return { route, tid, client: 'py', host: 'py', attempt: 0, workgroup: '', codec: 'json' }
}
