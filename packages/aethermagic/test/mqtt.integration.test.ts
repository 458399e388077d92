import { startMosquitto, type MosquittoServer } from '@aether/services'
import { mqtt } from '@aether/transport-mqtt'
import { connect, type MqttClient } from 'mqtt'
import { until } from '@aether/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { aethermagic, type AetherMagicScope } from '../src/aethermagic.ts'
import type { AetherMagic as Magic } from '../src/aether-magic.ts'
import { coded } from './support/coded.ts'

const names = { job: 'my_service', task: 'process_data', context: 'production' } as const

let broker: MosquittoServer
let count = 0
const open: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  broker = await startMosquitto()
}, 120_000)
afterAll(() => broker.close())
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

interface Program extends AetherMagicScope<'mqtt'> {
  readonly union: string
  /** An AetherMagic of this program, closed after the test. */
  magic(options?: { readonly channel?: string; readonly port?: number }): Magic
}

function program(): Program {
  count += 1
  const union = `union-${count}`
  const scope = aethermagic({ mqtt })
  return {
    ...scope,
    union,
    magic(options = {}) {
      const made = new scope.AetherMagic({ host: '127.0.0.1', port: broker.port, union, ...options })
      open.push(() => made.close({ signal: AbortSignal.abort() }))
      return made
    },
  }
}

describe('over a real Mosquitto', () => {
  it('a task goes from a client to a worker and back, each with a connection of its own', async () => {
    const { AetherTask, magic } = program()
    magic({ channel: 'worker' })
    magic({ channel: 'client' })
    const told: unknown[] = []
    await new AetherTask({
      ...names,
      channel: 'worker',
      on_perform: async (ae_task, data) => {
        await ae_task.status(50)
        await ae_task.complete(true, { result: data })
      },
    }).idle()
    await new AetherTask({
      ...names,
      channel: 'client',
      on_status: (_task, complete, _succeed, progress) => told.push([complete, progress]),
      on_complete: (_task, succeed, data) => told.push([succeed, data]),
    }).perform({ file: 'a' })
    await until(() => told.length === 4, { what: 'the end', timeoutMs: 30_000 })
    expect(told).toEqual([
      [false, 0],
      [false, 50],
      [true, 100],
      [true, { result: { file: 'a' } }],
    ])
  })

  it('a task without workers is refused, where Python loses it', async () => {
    const { AetherTask, magic } = program()
    magic()
    await expect(new AetherTask(names).perform()).rejects.toEqual(coded('ERR_AETHER_WORKERS_NONE'))
  })

  it('shared tasks go to one worker, the others to everyone', async () => {
    const { magic } = program()
    const got: string[] = []
    const hears = (name: string) => () => got.push(name)
    const workers = [magic({ channel: 'a' }), magic({ channel: 'b' })]
    for (const worker of workers) {
      const { channel } = worker.config
      await worker.add_task({ ...names, callback: hears(`${channel} shared`), shared: true })
      await worker.add_task({ ...names, task: 'reload', callback: hears(`${channel} all`) })
    }
    const client = magic({ channel: 'client' })
    await client.perform_task({ ...names, shared: true })
    await client.perform_task({ ...names, task: 'reload' })
    await until(() => got.length === 3, { what: 'told', timeoutMs: 30_000 })
    expect(got.filter((name) => name.endsWith('all')).toSorted()).toEqual(['a all', 'b all'])
    // The broker knows that somebody listens, not of which workgroup: as in Python, one of those who share gets it.
    await client.perform_task(names)
    await until(() => got.length === 4, { what: 'told', timeoutMs: 30_000 })
    await expect(client.perform_task({ ...names, task: 'unheard' })).rejects.toEqual(
      coded('ERR_AETHER_WORKERS_NONE'),
    )
  })

  it('main comes through a restart of the broker', async () => {
    const own = await startMosquitto()
    open.push(() => own.close())
    const aether = program().magic({ port: own.port })
    const done: unknown[] = []
    const callback = (_task: unknown, data: unknown): void => void done.push(data)
    await aether.add_task({ ...names, callback, shared: true })
    const main = aether.main()
    await own.kill()
    await until(() => !aether.connected, { what: 'lost', timeoutMs: 30_000 })
    await own.restart()
    await until(() => aether.connected, { what: 'back', timeoutMs: 30_000 })
    await aether.perform_task({ ...names, data: 'again', shared: true })
    await until(() => done.length === 1, { what: 'done', timeoutMs: 30_000 })
    await aether.close()
    await main
  })
})

/** A peer that knows nothing but the topics and the JSON of the Python library. */
async function python(): Promise<MqttClient> {
  const client = connect(broker.url)
  open.push(() => client.endAsync(true))
  await until(() => client.connected, { what: 'connected', timeoutMs: 30_000 })
  return client
}

const envelope = { host: 'python', client: 'peer' }

describe('with a peer that speaks as the Python library does', () => {
  it('its worker says why it failed', async () => {
    const { AetherTask, magic, union } = program()
    magic()
    const peer = await python()
    peer.on('message', (topic) => {
      const said = {
        ...envelope,
        action: 'complete',
        status: 'failed',
        progress: 100,
        data: { why: 'no paper' },
      }
      peer.publish(topic.replace(/perform$/, 'complete'), JSON.stringify(said), { qos: 1 })
    })
    await peer.subscribeAsync(
      `$share/${union}_my_service_workers/${union}/my_service/process_data/production/+/perform`,
    )
    let end: unknown
    await new AetherTask({
      ...names,
      on_complete: (_task, succeed, data) => (end = [succeed, data]),
    }).perform()
    await until(() => end !== undefined, { what: 'the end', timeoutMs: 30_000 })
    expect(end).toEqual([false, { why: 'no paper' }])
  })

  it('its client hears taken, progress and why it failed', async () => {
    const { AetherTask, magic, union } = program()
    magic()
    await new AetherTask({
      ...names,
      on_perform: async (ae_task, data) => {
        await ae_task.status(50, { step: 1 })
        await ae_task.complete(false, { why: data })
      },
    }).idle()
    const heard: unknown[] = []
    const peer = await python()
    peer.on('message', (_topic, payload) => {
      const { action, status, progress, data } = JSON.parse(String(payload)) as Record<string, unknown>
      heard.push([action, status, progress, data])
    })
    const topic = `${union}/my_service/process_data/production/abc123`
    await peer.subscribeAsync([`${topic}/status`, `${topic}/complete`])
    const said = { ...envelope, action: 'perform', status: 'initialized', progress: 0, data: 'no paper' }
    peer.publish(`${topic}/perform`, JSON.stringify(said), { qos: 1 })
    await until(() => heard.length === 4, { what: 'the end', timeoutMs: 30_000 })
    expect(heard).toEqual([
      // That it was taken is said by the transport for such peers, and by the worker for all.
      ['status', 'initialized', 0, {}],
      ['status', 'progress', 0, {}],
      ['status', 'progress', 50, { step: 1 }],
      ['complete', 'failed', 100, { why: 'no paper' }],
    ])
  })
})
