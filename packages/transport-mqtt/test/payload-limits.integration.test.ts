import {
  type Aether,
  createAether,
  defineTask,
  type Route,
  type TaskDefinition,
  type TaskMessage,
  type Transport,
} from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mqtt, type MqttCapabilities, type MqttOptions } from '../src/index.ts'
import { openings } from './support/openings.ts'
import { recordingLogger, type RecordingLogger } from './support/recording-logger.ts'

// Brokers that take less than the transport: Mosquitto says a limit to MQTT 5 at once (`max_packet_size`), or only when it is passed (`message_size_limit`); to
// MQTT 3.1.1 it ends the connection, or says nothing at all.

const limit = 20_000
const servers = { packet: undefined, message: undefined } as Record<
  'message' | 'packet',
  MosquittoServer | undefined
>
beforeAll(async () => {
  servers.packet = await startMosquitto({ config: `max_packet_size ${limit}` })
  servers.message = await startMosquitto({ config: `message_size_limit ${limit}` })
})
afterAll(async () => {
  await Promise.all(Object.values(servers).map(async (server) => server?.close()))
})

const opened = openings()
const echo: TaskDefinition<undefined, undefined, undefined> = defineTask({
  job: 'text',
  task: 'echo',
  deadlineMs: 20_000,
})
const long = 'x'.repeat(limit * 2)

interface Given extends Partial<MqttOptions> {
  readonly server: 'message' | 'packet'
}

interface Pair {
  readonly caller: Aether<MqttCapabilities>
  readonly log: RecordingLogger
}

async function transport(options: MqttOptions): Promise<Transport> {
  const one = opened(mqtt(options))
  const host = { union: 'pages', client: 'c', host: 'h', onEvent: () => undefined, logger: recordingLogger() }
  await one.start(host)
  return one
}

function taskOf(route: Route, tid: string): TaskMessage {
  const body = new TextEncoder().encode('1')
  const times = { deadline: Date.now() + 10_000, ttlMs: 0, delayMs: 0, attempts: 1, priority: 4 }
  const from = { workgroup: 'workers', client: 'c', host: 'h', waitForWorkers: false }
  return { route, tid, body, codec: 'json', ...times, ...from }
}

let unions = 0

/** A caller, and a worker that returns as much as it is asked for. */
async function pair({ server, ...options }: Given): Promise<Pair> {
  const union = `limits-${++unions}`
  const log = recordingLogger()
  const url = servers[server]?.url ?? ''
  const [caller, other] = [1, 2].map(() =>
    opened(
      createAether({ union, logger: log, transport: mqtt({ url, backoff: { maxMs: 50 }, ...options }) }),
    ),
  ) as [Aether<MqttCapabilities>, Aether<MqttCapabilities>]
  const worker = other.worker({ concurrency: 200 })
  worker.handle(echo, async (input, ctx) => {
    if (input === 'long result') return long
    if (input !== 'long status') return input
    return ctx.status(50, long).then(
      () => 'sent',
      (error: { code: string }) => error.code,
    )
  })
  await worker.start()
  return { caller, log }
}

const tooLarge = { status: 'failed', error: { code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' } }

describe.each(['packet', 'message'] as const)('a broker with a limit of its own (%s)', (server) => {
  it('has an input over it refused, and nothing else harmed', async () => {
    const { caller, log } = await pair({ server })
    const runs = Array.from({ length: 20 }, (_, n) => caller.perform(echo, n % 5 === 0 ? long : n))
    for (const [n, run] of runs.entries()) {
      if (n % 5 === 0) expect(await run.settle()).toMatchObject(tooLarge)
      else expect(await run).toBe(n)
    }
    // A limit that was not said costs a connection, once.
    const lost = log.warnings().filter(({ message }) => message.includes('was lost'))
    expect(lost.length).toBe(server === 'packet' ? 0 : 1)
    expect(await caller.perform(echo, long).settle()).toMatchObject(tooLarge)
    expect(await caller.perform(echo, 1)).toBe(1)
    expect(log.warnings().filter(({ message }) => message.includes('was lost'))).toEqual(lost)
  })

  it('has a result over it told to the caller as a failure, once', async () => {
    const { caller } = await pair({ server })
    const end = await caller.perform(echo, 'long result').settle()
    expect(end).toMatchObject({ ...tooLarge, attempt: 1 })
    expect(await caller.perform(echo, 1)).toBe(1)
  })

  it('has progress over it refused to the handler, which goes on', async () => {
    const { caller } = await pair({ server })
    expect(await caller.perform(echo, 'long status')).toBe('ERR_AETHER_PAYLOAD_TOO_LARGE')
  })

  it('has what many tasks say at once cut to its measure', async () => {
    const { caller } = await pair({ server })
    const inputs = Array.from({ length: 200 }, (_, n) => `${n}`.padEnd(1_000, '.'))
    const startedAt = performance.now()
    // Where the limit is found out, the worker is without a connection for a moment.
    const runs = inputs.map((input) => caller.perform(echo, input, { waitForWorkers: true }))
    expect(await Promise.all(runs)).toEqual(inputs)
    // Not by saying it again until it happened to fit.
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })
})

describe('over MQTT 3.1.1', () => {
  it('a broker that ends the connection for it refuses one task, and harms no other', async () => {
    const { caller } = await pair({ server: 'packet', protocolVersion: 4 })
    const before = Array.from({ length: 10 }, (_, n) => caller.perform(echo, n))
    const refused = caller.perform(echo, long)
    const after = Array.from({ length: 10 }, (_, n) => caller.perform(echo, n))
    expect(await refused.settle()).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' },
    })
    expect(await Promise.all([...before, ...after])).toHaveLength(20)
    expect(await caller.perform(echo, 'still there')).toBe('still there')
  })

  it('a broker that is silent about it leaves the task to its deadline', async () => {
    const { caller } = await pair({ server: 'message', protocolVersion: 4 })
    const lost = caller.perform(echo, long, { deadlineMs: 1_000 })
    expect(await lost.settle()).toMatchObject({ status: 'expired' })
    expect(await caller.perform(echo, 1)).toBe(1)
  })
})

describe('a page of presence that is over it', () => {
  it('has the consumer refused over MQTT 3.1.1, and it takes no tasks', async () => {
    const url = servers.packet?.url ?? ''
    const [worker, caller] = await Promise.all(
      [4, 5].map((version) => transport({ url, protocolVersion: version as 4 | 5, backoff: { maxMs: 50 } })),
    )
    if (!worker || !caller) expect.fail('two transports')
    const begun: string[] = []
    const routeOf = (n: number): Route => ({
      union: 'pages',
      job: 'j'.repeat(100),
      task: `${n}`.padStart(100, 't'),
      context: 'x',
    })
    const consume = (n: number): Promise<unknown> =>
      worker.consume(routeOf(n), { workgroup: 'workers', credit: 9, leaseMs: 2_000 }, ({ task: { tid } }) =>
        begun.push(tid),
      )
    let last = 60
    let refusal: unknown
    // Together, as that is quicker: they are less than the limit.
    await Promise.all(Array.from({ length: last }, (_, n) => consume(n)))
    while (refusal === undefined && ++last < 200)
      refusal = await consume(last).then(
        () => undefined,
        (error: unknown) => error,
      )
    expect(refusal).toMatchObject({ code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' })
    // The broker has ended the connection over the page.
    await until(() => worker.state.status === 'ready')
    const send = (n: number): Promise<unknown> => caller.send(taskOf(routeOf(n), `${n}`))
    await expect(send(last)).rejects.toMatchObject({ code: 'ERR_AETHER_WORKERS_NONE' })
    await send(last - 1)
    await until(() => begun.length > 0)
    expect(begun).toEqual([`${last - 1}`])
  })
})

describe('the transport itself', () => {
  it('refuses what is over its own limit before the broker sees it', async () => {
    const { caller } = await pair({ server: 'packet', maxPayloadBytes: 1_000 })
    expect(await caller.perform(echo, 'x'.repeat(2_000)).settle()).toMatchObject(tooLarge)
    expect(await caller.perform(echo, 'x'.repeat(900))).toHaveLength(900)
  })
})
