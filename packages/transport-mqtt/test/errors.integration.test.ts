import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TaskMessage, Transport } from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { mqtt, type MqttOptions } from '../src/index.ts'
import { startBrokerGate } from './support/broker-gate.ts'
import { recordingLogger } from './support/recording-logger.ts'

const users = { worker: 'w', guest: 'g', mute: 'm', hidden: 'h' }
const route = { union: 'u', job: 'j', task: 't', context: 'x' }
const consume = { workgroup: 'workers', credit: 1, leaseMs: 1_000 }
let server: MosquittoServer
let folder: string
const open: Transport[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aether-acl-'))
  const acl = join(folder, 'acl')
  // A guest may speak with others, but neither take tasks nor perform those of one job.
  const guest = ['topic readwrite u/$aether/#', 'topic write u/+/+/+/+/perform', 'topic deny u/secret/#']
  const mute = ['topic read #', 'topic write u/$aether/presence/#']
  const hidden = ['topic read #', 'topic write u/+/+/+/+/+']
  const lines = [
    'user worker',
    'topic readwrite #',
    'user guest',
    ...guest,
    'user mute',
    ...mute,
    'user hidden',
    ...hidden,
    '',
  ]
  await writeFile(acl, lines.join('\n'))
  server = await startMosquitto({ users, config: `acl_file ${acl}` })
})
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

async function started(
  user: keyof typeof users,
  options: Partial<MqttOptions> = {},
  logger = recordingLogger(),
): Promise<Transport> {
  const login = { username: user, password: users[user] }
  const transport = mqtt({ url: server.url, ...login, backoff: { maxMs: 100 }, ...options })
  open.push(transport)
  await transport.start({
    union: 'u',
    client: user,
    host: 'h',
    onEvent: () => undefined,
    logger,
  })
  return transport
}

function task(job: string): TaskMessage {
  return {
    route: { ...route, job },
    tid: `${job}-1`,
    workgroup: 'workers',
    body: new TextEncoder().encode('1'),
    codec: 'json',
    attempts: 1,
    deadline: Date.now() + 5_000,
    ttlMs: 0,
    delayMs: 0,
    priority: 4,
    waitForWorkers: true,
    client: 'c',
    host: 'h',
  }
}

describe('what the broker refuses', () => {
  it('is a task that may not be published: it is not accepted', async () => {
    const guest = await started('guest')
    await expect(guest.send(task('secret'))).rejects.toMatchObject({
      code: 'ERR_AETHER_TOKEN_REFUSED',
      detail: { reasonCode: 0x87 },
    })
    await guest.send(task('open'))
    expect(guest.state.status).toBe('ready')
  })

  it('is what a worker answers: the log says once why nobody hears of its tasks', async () => {
    const logger = recordingLogger()
    const mute = await started('mute', {}, logger)
    const begun: string[] = []
    await mute.consume(route, consume, ({ task: { tid } }) => begun.push(tid))
    const caller = await started('worker')
    for (const tid of ['1', '2']) await caller.send({ ...task('j'), tid })
    const refusals = (): number =>
      logger.lines.filter(({ message }) => /signal was not sent/.test(message)).length
    await until(() => begun.length > 0 && refusals() > 1)
    expect(logger.warnings()).toMatchObject([
      {
        message: 'the broker does not let this user answer other instances',
        fields: { error: { code: 'ERR_AETHER_TOKEN_REFUSED' } },
      },
    ])
  })

  it('is to show what is listened for: whoever is told so hears nothing', async () => {
    const hidden = await started('hidden')
    const worker = await started('worker')
    const heard: string[] = []
    const filter = { action: 'idle' } as const
    const refused = hidden.listen(filter, ({ tid }) => heard.push(`hidden ${tid}`))
    await expect(refused).rejects.toMatchObject({ code: 'ERR_AETHER_TOKEN_REFUSED' })
    await worker.listen(filter, ({ tid }) => heard.push(`worker ${tid}`))
    const body = new TextEncoder().encode('{}')
    for (const [index, from] of [worker, hidden].entries())
      await from.publish({
        action: 'idle',
        route,
        tid: `${index}`,
        client: 'c',
        host: 'h',
        body,
        codec: 'json',
      })
    await until(() => heard.includes('worker 1'))
    expect(heard).toEqual(['worker 0', 'worker 1'])
  })

  it('is another client of the same name: told, the first one ends and does not come back to end the second', async () => {
    const gate = await startBrokerGate(server.port)
    const first = await started('worker', { url: gate.url })
    const states: string[] = []
    const following = (async () => {
      for await (const { status } of first.states()) states.push(status)
    })()
    // DISCONNECT with reason 0x8e, as brokers say it; Mosquitto 2.0.11 itself says nothing.
    gate.say(Buffer.from([0xe0, 0x02, 0x8e, 0x00]))
    await following
    expect(first.state).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_AETHER_TRANSPORT_LOST', retryable: false, detail: { reasonCode: 0x8e } },
    })
    await expect(first.send(task('open'))).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST' })
    await expect(first.consume(route, consume, () => undefined)).rejects.toMatchObject({
      code: 'ERR_AETHER_TRANSPORT_LOST',
    })
    expect(states.at(-1)).toBe('failed')
    await gate.close()
  })

  it('is another client of the same name: untold, both come back ever more rarely, and the log says why', async () => {
    const logger = recordingLogger()
    const twins = { clientId: 'twin', backoff: { initialMs: 5, maxMs: 100 } }
    const first = await started('worker', twins, logger)
    await started('worker', twins, logger)
    await until(() => logger.warnings().some(({ message }) => message.includes('client id')))
    const { state } = first
    const generation = state.status === 'ready' ? state.generation : 0
    expect(generation).toBeLessThan(30)
  })

  it('is a client id that the broker does not like', async () => {
    const strict = await startMosquitto({ config: 'clientid_prefixes aether-' })
    try {
      const transport = mqtt({ url: strict.url, clientId: 'stranger' })
      open.push(transport)
      const host = { union: 'u', client: 'c', host: 'h', onEvent: () => undefined, logger: recordingLogger() }
      await expect(transport.start(host)).rejects.toMatchObject({ retryable: false })
      expect(transport.state.status).toBe('failed')
    } finally {
      await strict.close()
    }
  })
})

describe('several brokers', () => {
  it('are tried in turn, at the start and when one is lost', async () => {
    const [one, two] = [await startMosquitto(), await startMosquitto()]
    try {
      const url = ['mqtt://127.0.0.1:1', one.url, two.url]
      const transport = mqtt({ url, backoff: { initialMs: 5, maxMs: 20 } })
      open.push(transport)
      const host = { union: 'u', client: 'c', host: 'h', onEvent: () => undefined, logger: recordingLogger() }
      await transport.start(host)
      await transport.consume(route, consume, () => undefined)
      await one.kill()
      await until(() => transport.state.status === 'ready' && transport.state.generation === 2)
      await transport.send(task('j'))
    } finally {
      await Promise.all([one.close(), two.close()])
    }
  })
})
