import type { Consumer, TaskMessage, Transport, TransportState } from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mqtt, type MqttOptions } from '../../src/index.ts'
import { type BrokerGate, type BrokerGateOptions, startBrokerGate } from '../support/broker-gate.ts'
import { openings } from '../support/openings.ts'
import { recordingLogger } from '../support/recording-logger.ts'

let server: MosquittoServer
beforeAll(async () => {
  server = await startMosquitto()
})
afterAll(() => server.close())

const opened = openings()
const route = { union: 'u', job: 'j', task: 't', context: 'x' }

/** A worker of two workgroups, of which the second one's tasks come over the second connection. */
async function twoWorkgroups(options: Partial<MqttOptions> & BrokerGateOptions = {}): Promise<{
  readonly gate: BrokerGate
  readonly worker: Transport
  /** Of the second workgroup. */
  readonly watcher: Consumer
  readonly states: TransportState[]
  /** Ids of the tasks that came, each with its workgroup. */
  readonly taken: string[]
}> {
  const { hasSubscriptionIds, ...own } = options
  const gate = opened(
    await startBrokerGate(server.port, { ...(hasSubscriptionIds !== undefined && { hasSubscriptionIds }) }),
  )
  const worker = await started({ url: gate.url, ...own })
  const taken: string[] = []
  await consume(worker, 'workers', taken)
  const watcher = await consume(worker, 'watchers', taken)
  const states: TransportState[] = []
  void (async () => {
    for await (const state of worker.states()) states.push(state)
  })()
  await until(() => gate.made === 2)
  return { gate, worker, watcher, states, taken }
}

function consume(worker: Transport, workgroup: string, taken: string[], context = 'x'): Promise<Consumer> {
  return worker.consume({ ...route, context }, { workgroup, credit: 10, leaseMs: 2_000 }, (delivery) => {
    const { tid, route: at, body } = delivery.task
    taken.push(`${workgroup} ${tid}`)
    const ending = { action: 'complete', status: 'succeed', codec: 'json' } as const
    const { attempt } = delivery
    const complete = { ...ending, route: at, tid, workgroup, attempt, client: 'w', host: 'h' }
    // Its caller may be gone before it has confirmed it.
    delivery.ack({ ...complete, body }).catch(() => undefined)
  })
}

async function started(options: MqttOptions): Promise<Transport> {
  const transport = opened(mqtt({ backoff: { initialMs: 10, maxMs: 50 }, ...options }))
  const given = { union: 'u', client: 'c', host: 'h', onEvent: () => undefined }
  await transport.start({ ...given, logger: recordingLogger() })
  return transport
}

function task(tid: string): TaskMessage {
  const deadline = Date.now() + 20_000
  const body = new TextEncoder().encode('1')
  const given = {
    codec: 'json' as const,
    attempts: 3,
    ttlMs: 0,
    delayMs: 0,
    priority: 4,
    waitForWorkers: true,
  }
  return { ...given, route, tid, body, deadline, workgroup: 'workers', client: 'c', host: 'h' }
}

/** DISCONNECT with reason 0x8e: another client took this client's name. */
const takenOver = Buffer.from([0xe0, 0x02, 0x8e, 0x00])

describe('a connection for one more workgroup', () => {
  it('that is taken over by another client is made again under another name, and the state tells of it', async () => {
    const { gate, worker, states, taken } = await twoWorkgroups({ hasSubscriptionIds: false })
    gate.say(takenOver, 1)
    await until(() => states.at(-1)?.status === 'ready', { what: () => JSON.stringify(states) })
    expect(states[0]).toMatchObject({
      status: 'reconnecting',
      attempt: 1,
      error: { detail: { reasonCode: 0x8e } },
    })
    expect(states.at(-1)).toEqual({ status: 'ready', generation: 2 })
    expect(gate.made).toBe(3)
    const caller = await started({ url: server.url })
    await caller.send(task('1'))
    await until(() => taken.length === 2)
    expect(taken.sort()).toEqual(['watchers 1', 'workers 1'])
    expect(worker.state.status).toBe('ready')
  })

  it.each([
    ['over 3.1.1', { protocolVersion: 4 }],
    ['without subscription identifiers', { hasSubscriptionIds: false }],
  ] as const)('that is lost is not ready until it is back (%s)', async (_what, options) => {
    const { gate, worker, states, taken } = await twoWorkgroups(options)
    gate.shut(true)
    gate.cut(1)
    await until(() => worker.state.status === 'reconnecting' && worker.state.attempt > 2)
    // The other one stands all the while: its tasks come.
    const caller = await started({ url: server.url })
    await caller.send(task('1'))
    await until(() => taken.includes('workers 1'))
    gate.shut(false)
    await until(() => worker.state.status === 'ready')
    expect(worker.state).toEqual({ status: 'ready', generation: 2 })
    await caller.send(task('2'))
    await until(() => taken.includes('watchers 2'))
    expect(states.filter(({ status }) => status === 'ready')).toHaveLength(1)
  })

  it('that is lost keeps nobody from judging the leases of its own tasks', async () => {
    const { gate, worker } = await twoWorkgroups({ protocolVersion: 4 })
    const other = await started({ url: server.url })
    const attempts: number[] = []
    const elsewhere = { ...route, context: 'y' }
    // It never says anything of them.
    await other.consume(elsewhere, { workgroup: 'workers', credit: 9, leaseMs: 300 }, ({ attempt }) => {
      attempts.push(attempt)
    })
    gate.shut(true)
    gate.cut(1)
    await until(() => worker.state.status === 'reconnecting')
    await worker.send({ ...task('1'), route: elsewhere })
    await until(() => attempts.length === 2, { what: () => `attempts ${attempts.join()}` })
    expect(attempts).toEqual([1, 2])
    expect(worker.state.status).toBe('reconnecting')
  })

  it('ends with the last consumer that needs it, and is made anew for the next', async () => {
    const { gate, worker, watcher, states, taken } = await twoWorkgroups({ protocolVersion: 4 })
    const further = await consume(worker, 'watchers', taken, 'y')
    await watcher.close()
    expect([gate.made, gate.open]).toEqual([2, 2])
    await further.close()
    await until(() => gate.open === 1)
    const late = await consume(worker, 'watchers', taken, 'y')
    expect(gate.made).toBe(3)
    // The next one comes while the last one leaves.
    const leaving = late.close()
    const next = await consume(worker, 'watchers', taken)
    await leaving
    await until(() => gate.open === 2)
    const caller = await started({ url: server.url })
    await caller.send(task('1'))
    await until(() => taken.length === 2)
    expect(taken.sort()).toEqual(['watchers 1', 'workers 1'])
    await next.close()
    await until(() => gate.open === 1)
    await caller.send(task('2'))
    await until(() => taken.length === 3)
    expect(taken.at(-1)).toBe('workers 2')
    expect(states).toEqual([])
  })

  it('that is lost concerns nobody once its consumer has left', async () => {
    const { gate, worker, watcher, states } = await twoWorkgroups({ protocolVersion: 4 })
    gate.shut(true)
    gate.cut(1)
    await until(() => worker.state.status === 'reconnecting')
    await watcher.close()
    expect(worker.state).toEqual({ status: 'ready', generation: 2 })
    await worker.close()
    await until(() => gate.open === 0)
    await until(() => states.at(-1)?.status === 'closed')
    const others = states.map(({ status }) => status).filter((status) => status !== 'reconnecting')
    expect(others).toEqual(['ready', 'closing', 'closed'])
  })

  it('is not made any more for a transport that closes', async () => {
    // With interop the broker is asked for something else first.
    const { gate, worker } = await twoWorkgroups({ protocolVersion: 4, interop: 'aethermagic' })
    const late = worker.consume(
      { ...route, task: 'late' },
      { workgroup: 'latecomers', credit: 1, leaseMs: 2_000 },
      () => undefined,
    )
    const closing = worker.close()
    await expect(late).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
    await closing
    await until(() => gate.open === 0)
    expect(gate.made).toBe(2)
  })
})
