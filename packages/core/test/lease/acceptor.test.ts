import { describe, expect, test } from 'vitest'

import { completeOf, party, route, statusOf, taskOf } from '../support/lease-party.ts'

describe('peers that know no inbox', () => {
  test('their worker is tracked until its completion, by the deadline alone', async () => {
    const { clock, member } = party()
    const caller = await member('caller')
    await caller.transport.send(taskOf('1'))
    await clock.advance(10)
    const base = { route, tid: '1', workgroup: '', attempt: 0 }
    const event = {
      route,
      tid: '1',
      client: 'py',
      host: 'py',
      attempt: 0,
      workgroup: '',
      codec: 'json' as const,
    }
    caller.relay.host!.onSignal({
      ...base,
      kind: 'status',
      event: { ...event, action: 'status', status: 'progress', progress: 0, seq: 0 },
    })
    await clock.advance(50_000)
    caller.relay.host!.onSignal({
      ...base,
      kind: 'complete',
      event: { ...event, action: 'complete', status: 'succeed' },
    })
    await clock.advance(10)
    expect(caller.events).toMatchObject([
      { action: 'status', attempt: 1, workgroup: 'workers' },
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
    expect(heard).toEqual(['status', 'succeed'])
    await python.relay.send(taskOf('1'), { attempt: 1 })
    await clock.advance(5)
    expect(heard).toEqual(['status', 'succeed', 'succeed'])
    expect(worker.deliveries).toHaveLength(2)
  })
})
