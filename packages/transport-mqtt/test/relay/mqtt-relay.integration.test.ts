import { type AetherEvent, createAether, defineTask } from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { connectAsync, type IPublishPacket, type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { mqtt, type MqttOptions } from '../../src/index.ts'
import { recordingLogger } from '../support/recording-logger.ts'

const echo = defineTask({ job: 'relay', task: 'echo', deadlineMs: 15_000 })
let server: MosquittoServer
let unions = 0
const open: { close(): Promise<unknown> }[] = []

beforeAll(async () => {
  server = await startMosquitto()
})
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.close()
})
afterAll(() => server.close())

function application(union: string, options: Partial<MqttOptions> = {}, logger = recordingLogger()) {
  const transport = mqtt({ url: server.url, ...options })
  const aether = createAether({ union, transport, logger })
  open.push(aether)
  return { aether, transport, logger }
}

const newUnion = (): string => `relay-${++unions}`

/** A client without Aether, and all that it hears. */
async function plainClient(filter: string): Promise<{ client: MqttClient; heard: IPublishPacket[] }> {
  const client = await connectAsync(server.url, { protocolVersion: 5 })
  open.push({ close: () => client.endAsync() })
  const heard: IPublishPacket[] = []
  client.on('message', (_topic, _payload, packet) => heard.push(packet))
  await client.subscribeAsync(filter, { qos: 1 })
  return { client, heard }
}

const topicsOf = (packets: readonly IPublishPacket[]): string[] =>
  packets.map(({ topic }) => topic.split('/').slice(5).join('/'))

describe('events', () => {
  it('of tasks are published where somebody listens, and only there', async () => {
    const union = newUnion()
    const { heard } = await plainClient(`${union}/+/+/+/+/+`)
    const { aether: caller } = application(union)
    const worker = application(union).aether.worker({ presenceMs: 0 })
    worker.handle(echo, async (input, ctx) => {
      await ctx.status(50)
      return input
    })
    await worker.start()
    await caller.perform(echo, 1)
    const { aether: listener } = application(union)
    const events: AetherEvent['action'][] = []
    const ear = await listener.listen(echo, ({ action }) => events.push(action))
    await caller.perform(echo, 2)
    await until(() => events.includes('complete'))
    await ear.close()
    // The page without the ear has come to all when its own next task is done.
    const last = application(union).aether
    await last.perform(echo, 3)
    await until(() => topicsOf(heard).filter((action) => action === 'perform').length === 3)
    const first = topicsOf(heard).indexOf('perform')
    expect(topicsOf(heard).slice(first, first + 2)).toEqual(['perform', 'perform'])
    expect(events).toEqual(['status', 'complete'])
  })

  it('are always published with interop, where peers listen by topic', async () => {
    const union = newUnion()
    const { heard } = await plainClient(`${union}/+/+/+/+/+`)
    const { aether: caller } = application(union, { interop: 'aethermagic' })
    const worker = application(union, { interop: 'aethermagic' }).aether.worker({ presenceMs: 0 })
    worker.handle(echo, (input) => input)
    await worker.start()
    await caller.perform(echo, 1)
    await until(() => topicsOf(heard).includes('complete'))
  })
})

describe('a task over MQTT 5', () => {
  it('expires with its deadline, and says where it is answered', async () => {
    const union = newUnion()
    const { heard } = await plainClient(`${union}/+/+/+/+/perform`)
    const { aether } = application(union, { clientId: 'asker' })
    await aether.start()
    const run = aether.perform(echo, { n: 1 }, { deadlineMs: 10_000, waitForWorkers: true })
    const task = await until(() => heard[0])
    expect(task.properties).toMatchObject({
      messageExpiryInterval: 10,
      responseTopic: `${union}/$aether/answer/asker/relay/echo/x`,
    })
    expect(task.properties?.correlationData?.toString()).toBe(run.tid)
    expect(JSON.parse(task.payload.toString())).toMatchObject({
      action: 'perform',
      data: { n: 1 },
      replyTo: 'asker',
    })
    await run.cancel('seen')
  })

  it('can be answered by any client that knows response topics', async () => {
    const union = newUnion()
    const shared = `$share/${union}_relay_workers/${union}/relay/echo/x/+/perform`
    const client = await connectAsync(server.url, { protocolVersion: 5 })
    open.push({ close: () => client.endAsync() })
    client.on('message', (_topic, payload, { properties }) => {
      const { responseTopic, correlationData } = properties ?? {}
      if (responseTopic === undefined || correlationData === undefined) return
      const { data } = JSON.parse(payload.toString()) as { data: { n: number } }
      const say = (message: object): MqttClient =>
        client.publish(responseTopic, JSON.stringify(message), { qos: 1, properties: { correlationData } })
      say({ action: 'status', status: 'progress', progress: 40, data: {} })
      say({ action: 'complete', status: 'succeed', progress: 100, data: { n: data.n + 1 } })
    })
    await client.subscribeAsync(shared, { qos: 1 })
    const { aether } = application(union)
    const statuses: number[] = []
    const run = aether.perform(echo, { n: 1 }, { onStatus: ({ percent }) => statuses.push(percent) })
    expect(await run).toEqual({ n: 2 })
    expect(statuses).toEqual([40])
  })

  it('with a body that is no JSON travels as its bytes', async () => {
    const union = newUnion()
    const { heard } = await plainClient(`${union}/+/+/+/+/perform`)
    const { aether } = application(union)
    const bytes = Uint8Array.from({ length: 256 }, (_none, index) => index)
    const run = aether.perform(echo, bytes, { waitForWorkers: true })
    const task = await until(() => heard[0])
    expect(task.properties?.contentType).toBe('application/vnd.aether.frames')
    expect((task.payload as Buffer).includes(Buffer.from(bytes))).toBe(true)
    await run.cancel('seen')
  })
})

describe('foreign messages on our topics', () => {
  it('are counted and logged once, and harm nothing', async () => {
    const union = newUnion()
    const { aether: caller, transport, logger } = application(union, { clientId: 'target' })
    const { aether, transport: workers } = application(union)
    const worker = aether.worker()
    worker.handle(echo, (input) => input)
    await worker.start()
    const presence = await caller.presence()
    const { client } = await plainClient(`${union}/nothing`)
    const payloads = [
      '',
      'text',
      '{',
      '[]',
      '{"action":7}',
      '\0\0\0\u0002[]',
      '\0\0\0\u0003[7]',
      '\u00ff\u00fe',
    ]
    const topics = [
      `${union}/$aether/inbox/target`,
      `${union}/$aether/everyone`,
      `${union}/$aether/presence/stranger`,
      `${union}/$aether/answer/target/relay/echo/x`,
      `${union}/relay/echo/x/tid/perform`,
      `${union}/relay/echo/x/tid/online`,
    ]
    for (const topic of topics)
      for (const payload of payloads)
        await client.publishAsync(topic, Buffer.from(payload, 'latin1'), { qos: 1 })
    await until(() => transport.ignoredMessages > 20 && workers.ignoredMessages >= payloads.length)
    expect(await caller.perform(echo, { n: 1 })).toEqual({ n: 1 })
    expect(logger.warnings().filter(({ message }) => message.includes('none of ours'))).toHaveLength(1)
    expect(transport.state.status).toBe('ready')
    await presence.close()
  })
})
