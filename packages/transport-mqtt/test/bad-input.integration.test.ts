import { type AetherEvent, createAether, defineTask, type Logger } from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mqtt, type MqttOptions, type MqttTransport } from '../src/index.ts'
import { interopRoom } from './support/interop-room.ts'
import { openings } from './support/openings.ts'
import { recordingLogger } from './support/recording-logger.ts'

let server: MosquittoServer
let plain: MqttClient
beforeAll(async () => {
  server = await startMosquitto()
  plain = await connectAsync(server.url, { protocolVersion: 5 })
})
afterAll(async () => {
  await plain.endAsync()
  await server.close()
})

const opened = openings()
const room = interopRoom(() => server)
const echo = defineTask({ job: 'text', task: 'echo' })

describe('names that topics cannot hold', () => {
  const bad = [
    '',
    'a/b',
    '/',
    'a+b',
    '+',
    'a#',
    '#',
    'a*',
    'a:b',
    'a b',
    'tab\t',
    '$SYS',
    'nul\u0000',
    'x'.repeat(200),
  ]

  it.each(bad)('%j is refused wherever a name is given, and nothing is published', async (name) => {
    const heard: string[] = []
    const watcher = await connectAsync(server.url)
    opened({ close: () => watcher.endAsync() })
    watcher.on('message', (topic) => heard.push(topic))
    await watcher.subscribeAsync('#')
    const code = 'ERR_AETHER_NAME_INVALID'
    const refused = expect.objectContaining({ code })
    const transport = mqtt({ url: server.url })
    expect(() => createAether({ union: name, transport })).toThrow(refused)
    expect(() => defineTask({ job: name, task: 'echo' })).toThrow(refused)
    expect(() => defineTask({ job: 'text', task: name })).toThrow(refused)
    const aether = opened(createAether({ union: 'names', transport }))
    await expect(aether.perform(echo, 1, { context: name })).rejects.toMatchObject({ code })
    await expect(aether.perform(echo, 1, { workgroup: name })).rejects.toMatchObject({ code })
    await expect(aether.perform(echo, 1, { tid: name })).rejects.toMatchObject({ code })
    expect(() => aether.worker({ workgroup: name })).toThrow(refused)
    await plain.publishAsync('marker', 'the last')
    await until(() => heard.includes('marker'))
    expect(heard.filter((topic) => topic !== 'marker')).toEqual([])
  })
})

/** Payloads that are no message of ours, whatever the topic. */
const rubbish: readonly (readonly [what: string, payload: string | Buffer])[] = [
  ['text', 'no json'],
  ['a JSON array', '[1, 2]'],
  ['a JSON string', '"perform"'],
  ['a number', '7'],
  ['half an object', '{"action": "perform"'],
  ['an empty object', '{}'],
  [
    'an unknown action',
    '{"action": "explode", "status": "x", "progress": 0, "data": {}, "host": "h", "client": "c"}',
  ],
  [
    'fields of wrong types',
    '{"action": 7, "status": [], "progress": "half", "data": {}, "host": {}, "client": 1}',
  ],
  [
    'progress that is no number',
    '{"action":"status","status":"progress","progress":"half","data":{},"host":"h","client":"c"}',
  ],
  [
    'a complete that neither succeeded nor failed',
    '{"action":"complete","status":"maybe","progress":100,"data":{},"host":"h","client":"c"}',
  ],
  [
    'an encoding that nobody knows',
    '{"action":"perform","status":"x","progress":0,"encoding":"rot13","data":"x","host":"h","client":"c"}',
  ],
  [
    'base64 that is none',
    '{"action":"perform","status":"x","progress":0,"encoding":"base64","data":"%%%","host":"h","client":"c"}',
  ],
  [
    'NaN, as Python writes it',
    '{"action": "complete", "status": "succeed", "progress": 100, "data": NaN, "host": "h", "client": "c"}',
  ],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ['frames that are cut short', Buffer.from([0, 0, 0, 99, 0x5b])],
  ['frames that are no JSON', Buffer.from([0, 0, 0, 2, 0x7a, 0x7a])],
  ['a frame length past the end of the world', Buffer.from([0, 0xff, 0xff, 0xff])],
  ['a body longer than the message', frames('[{"action":"perform"},4000000000]')],
  ['a negative body', frames('[{"action":"perform"},-1]')],
  ['zeros', Buffer.alloc(1_000)],
  ['prototype pollution', '{"__proto__": {"action": "perform"}, "constructor": 1}'],
]

function frames(head: string): Buffer {
  const bytes = Buffer.alloc(4 + head.length)
  bytes.writeUInt32BE(head.length)
  bytes.write(head, 4)
  return bytes
}

interface Station {
  readonly transport: MqttTransport
  /** A task makes its round, so whatever came before has been taken or ignored. */
  round(tid?: string): Promise<void>
  readonly warnings: () => readonly string[]
  /** What the handlers of this station saw. */
  readonly seen: readonly unknown[]
}

/** An application that performs, works and listens, all at once. */
async function station(union: string, options: Partial<MqttOptions> = {}): Promise<Station> {
  const log = recordingLogger()
  const transport = mqtt({ url: server.url, clientId: `station-${union}`, ...options })
  const seen: unknown[] = []
  const aether = opened(createAether({ union, transport, logger: log satisfies Logger }))
  const worker = aether.worker({ presenceMs: 0 })
  worker.handle(echo, (input) => {
    seen.push(input)
    return input
  })
  await worker.start()
  const other = opened(createAether({ union, transport: mqtt({ url: server.url, ...options }) }))
  let rounds = 0
  return {
    transport,
    seen,
    warnings: () =>
      log
        .warnings()
        .map(({ message }) => message)
        .filter((message) => !message.includes('3.1.1')),
    round: async (tid) => {
      rounds += 1
      expect(await other.perform(echo, `round ${rounds}`)).toBe(`round ${rounds}`)
      expect(await aether.perform(echo, `own ${rounds}`, tid === undefined ? {} : { tid })).toBe(
        `own ${rounds}`,
      )
    },
  }
}

describe.each([
  ['MQTT 5', {}],
  ['MQTT 3.1.1', { protocolVersion: 4 }],
  ['interop', { interop: 'aethermagic' }],
] as const)('foreign messages on our topics (%s)', (kind, options) => {
  const name = kind.replaceAll(/\W/g, '-')

  it('are counted, logged once and do nothing else', async () => {
    const union = `foreign-${name}`
    const { transport, round, warnings, seen } = await station(union, options)
    await transport.listen({}, () => undefined)
    await round()
    const task = `${union}/text/echo/x/tid-1`
    const topics = [
      `${task}/perform`,
      `${task}/status`,
      `${task}/complete`,
      `${union}/$aether/inbox/station-${union}`,
      `${union}/$aether/everyone`,
      `${union}/$aether/presence/stranger`,
    ]
    let sent = 0
    for (const topic of topics) {
      for (const [, payload] of rubbish) {
        // What is no message of a task may be a page of presence: an object.
        if (topic.includes('/presence/') && isObject(payload)) continue
        await plain.publishAsync(topic, payload, { qos: 1 })
        sent += 1
      }
    }
    await until(() => transport.ignoredMessages >= sent, {
      what: () => `${transport.ignoredMessages} of ${sent} were ignored`,
    })
    await round()
    // Filters that overlap bring a copy each.
    if (kind === 'interop') expect(transport.ignoredMessages).toBeGreaterThanOrEqual(sent)
    else expect(transport.ignoredMessages).toBe(sent)
    expect(warnings()).toHaveLength(1)
    expect(warnings()[0]).toMatch(/none of ours/)
    expect(seen).toEqual(['round 1', 'own 1', 'round 2', 'own 2'])
    expect(transport.state).toMatchObject({ status: 'ready', generation: 1 })
  })

  it('do nothing either where they are retained, and come with each subscription', async () => {
    const union = `retained-${name}`
    const task = `${union}/text/echo/x/tid-1`
    const retained = [
      ...['perform', 'status', 'complete', 'cancel', 'online', 'idle'].map((action) => `${task}/${action}`),
      `${union}/$aether/inbox/station-${union}`,
      `${union}/$aether/everyone`,
      `${union}/$aether/presence/stranger`,
    ]
    for (const topic of retained) await plain.publishAsync(topic, 'no json', { qos: 1, retain: true })
    // Well-formed, and of a time that is over.
    const old = '{"action":"complete","status":"succeed","progress":100,"data":{},"host":"h","client":"c"}'
    await plain.publishAsync(`${union}/text/echo/x/tid-2/complete`, old, { qos: 1, retain: true })
    // Nor is a signal for those who come later: this one would cancel a task before it is performed.
    const cancel = {
      action: 'lease',
      status: 'cancel',
      signal: 'cancel',
      tid: 'tid-3',
      progress: 0,
      host: '',
      client: '',
    }
    const cancelled = frames(JSON.stringify([{ ...cancel, route: `${union}/text/echo/x` }, 0]))
    await plain.publishAsync(`${union}/$aether/everyone`, cancelled, { qos: 1, retain: true })
    const { transport, round, warnings } = await station(union, options)
    const events: AetherEvent[] = []
    await transport.listen({}, (event) => events.push(event))
    await round('tid-3')
    expect(warnings()).toHaveLength(1)
    expect(transport.ignoredMessages).toBeGreaterThanOrEqual(3)
    expect(events.filter(({ tid }) => tid.startsWith('tid-'))).toEqual([])
    for (const topic of [...retained, `${union}/text/echo/x/tid-2/complete`])
      await plain.publishAsync(topic, '', { qos: 1, retain: true })
  })

  it('may be well-formed and still not for us: of another union, an unknown tid, an older attempt', async () => {
    const union = `strange-${name}`
    const { transport, round, seen } = await station(union, options)
    const word = { host: 'h', client: 'c', progress: 100, data: { a: 1 } }
    const complete = { action: 'complete', status: 'succeed', ...word }
    const say = (topic: string, message: object): Promise<unknown> =>
      plain.publishAsync(`${union}/${topic}`, JSON.stringify(message), { qos: 1 })
    await say('text/echo/x/never-performed/complete', complete)
    await say('text/echo/x/never-performed/cancel', { action: 'cancel', status: 'cancelled', ...word })
    const signal = { ...complete, signal: 'complete', tid: 'never', workgroup: 'workers', attempt: 1 }
    const head = (fields: object): Buffer => frames(JSON.stringify([fields, 0]))
    const inbox = `${union}/$aether/inbox/station-${union}`
    for (const route of [`${union}/text/echo/x`, 'other/text/echo/x', 'no route', '//'])
      await plain.publishAsync(inbox, head({ ...signal, route, replyTo: 'nobody' }), { qos: 1 })
    await round()
    expect(transport.state).toMatchObject({ status: 'ready', generation: 1 })
    expect(seen).toEqual(['round 1', 'own 1'])
  })
})

function isObject(payload: string | Buffer): boolean {
  try {
    const value: unknown = JSON.parse(payload.toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

describe('rubbish from Python in the midst of a task', () => {
  it('is counted and logged once, and the task ends as its worker says', async () => {
    const union = 'python-rubbish'
    const log = recordingLogger()
    const transport = mqtt({ url: server.url, interop: 'aethermagic' })
    const aether = opened(createAether({ union, transport, logger: log }))
    const worker = await room.peer({ union })
    const address = { job: 'text', task: 'echo', context: 'x' }
    await worker.idle(address, { behaviour: 'accept' })
    const run = aether.perform(echo, 1)
    const task = await worker.hears('perform')
    let sent = 0
    for (const action of ['status', 'complete']) {
      for (const [, payload] of rubbish) {
        await worker.publish(`${union}/text/echo/x/${task.tid}/${action}`, payload)
        sent += 1
      }
    }
    await until(() => transport.ignoredMessages >= sent, {
      what: () => `${transport.ignoredMessages} of ${sent}`,
    })
    expect(run.settlement).toBeUndefined()
    await worker.complete(task, true, { done: true })
    expect(await run).toEqual({ done: true })
    expect(log.warnings().map(({ message }) => message)).toHaveLength(1)
  })

  it('reaches no handler as a task, and its sender may send better ones', async () => {
    const union = 'python-bad-tasks'
    const log = recordingLogger()
    const transport = mqtt({ url: server.url, interop: 'aethermagic' })
    const aether = opened(createAether({ union, transport, logger: log }))
    const seen: unknown[] = []
    const worker = aether.worker()
    worker.handle(echo, (input) => {
      seen.push(input)
      return input
    })
    await worker.start()
    const client = await room.peer({ union })
    for (const [, payload] of rubbish) await client.publish(`${union}/text/echo/x/bad/perform`, payload)
    const { tid } = await client.perform({ job: 'text', task: 'echo', context: 'x' }, { good: 1 })
    expect(await client.hears('complete', tid)).toMatchObject({ status: 'succeed', data: { good: 1 } })
    expect(seen).toEqual([{ good: 1 }])
    expect(transport.ignoredMessages).toBe(rubbish.length)
    expect(log.warnings()).toHaveLength(1)
  })
})
