import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Aether, createAether, defineTask, type PresenceChange } from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mqtt, type MqttCapabilities } from '../src/index.ts'
import { openings } from './support/openings.ts'
import type { PresenceWorkerMessage, PresenceWorkerOptions } from './support/presence-worker.ts'

let server: MosquittoServer
beforeAll(async () => {
  server = await startMosquitto()
})
afterAll(() => server.close())

const opened = openings()
/** Four processes start at once, perhaps on a busy machine. */
const patient = { timeoutMs: 30_000 }
const render = defineTask({ job: 'video', task: 'render', leaseMs: 4_000, attempts: 20 })

interface WorkerProcess {
  readonly name: string
  readonly began: Map<string, number>
  finish(): void
  /** Closes in order. */
  stop(): Promise<void>
  kill(): Promise<void>
}

async function spawnWorker(options: PresenceWorkerOptions): Promise<WorkerProcess> {
  const entry = fileURLToPath(new URL('support/presence-worker.ts', import.meta.url))
  const child: ChildProcess = fork(entry, [JSON.stringify(options)], {
    execArgv: ['--conditions=@aether/source', '--import', 'tsx'],
  })
  const began = new Map<string, number>()
  let isReady = false
  child.on('message', (message: PresenceWorkerMessage) => {
    if ('ready' in message) isReady = true
    else began.set(message.began, message.attempt)
  })
  const end = async (how: () => unknown): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    how()
    await exited
  }
  const kill = (): Promise<void> => end(() => child.kill('SIGKILL'))
  opened({ close: kill })
  await until(() => isReady, { timeoutMs: 60_000, what: `worker ${options.name}` })
  return {
    name: options.name,
    began,
    finish: () => void child.send('finish'),
    stop: () => end(() => child.send('stop')),
    kill,
  }
}

function application(union: string): Aether<MqttCapabilities> {
  return opened(createAether({ union, transport: mqtt({ url: server.url }) }))
}

describe('a worker that is killed in the middle of its tasks', { timeout: 120_000 }, () => {
  it.each([
    ['MQTT 5', {}],
    ['MQTT 3.1.1', { protocolVersion: 4 }],
  ] as const)('loses them to another, and is seen offline at once, over %s', async (name, options) => {
    const union = `killed-${name.replaceAll(/\W/g, '-')}`
    const aether = application(union)
    const presence = await aether.presence()
    const changes: PresenceChange[] = []
    void (async () => {
      for await (const change of presence.changes()) changes.push(change)
    })()
    const start = (worker: string): Promise<WorkerProcess> =>
      spawnWorker({ union, name: worker, mqtt: { url: server.url, ...options } })
    const [first, second] = await Promise.all([start('first'), start('second')])
    await until(() => presence.workers().length === 2, patient)

    const runs = Array.from({ length: 6 }, (_, n) => aether.perform(render, { n }, { deadlineMs: 60_000 }))
    await until(() => first.began.size + second.began.size === 6, patient)
    expect(Math.min(first.began.size, second.began.size)).toBeGreaterThan(0)
    await first.kill()

    // By its last will: its own signs of life are a minute apart.
    const offline = await until(() => changes.find(({ kind }) => kind !== 'online'), patient)
    expect(offline).toMatchObject({ kind: 'offline', worker: { name: 'first' } })
    expect(presence.workers().map((worker) => worker.name)).toEqual(['second'])

    // Mosquitto itself delivers none of them again.
    const lost = [...first.began.keys()]
    await until(() => lost.every((tid) => (second.began.get(tid) ?? 0) >= 2), patient)
    second.finish()
    for (const run of runs) {
      expect(await run).toMatchObject({ by: 'second' })
      if (lost.includes(run.tid)) expect(run.settlement).toMatchObject({ attempt: second.began.get(run.tid) })
    }
    expect(aether.ledger).toMatchObject({ performed: 6, succeeded: 6, open: 0 })
  })

  it('leaves a note that it died; one that closed leaves nothing', async () => {
    const union = 'killed-notes'
    const { url } = server
    const [dies, lives, closes] = await Promise.all(
      ['dies', 'lives', 'closes'].map((name) =>
        spawnWorker({ union, name, mqtt: { url, clientId: `client-${name}` } }),
      ),
    )
    // Whoever asks later, without any Aether, finds it: retained, and changed by the last will.
    const notes = new Map<string, { readonly status: string } | undefined>()
    const plain = await connectAsync(url)
    opened({ close: () => plain.endAsync() })
    plain.on('message', (topic, payload) => {
      const text = payload.toString()
      notes.set(topic.split('/')[3] ?? '', text === '' ? undefined : (JSON.parse(text) as { status: string }))
    })
    await plain.subscribeAsync(`${union}/$aether/presence/+`)
    await until(() => notes.size === 3, patient)
    expect([...notes.values()]).toMatchObject([
      { status: 'online' },
      { status: 'online' },
      { status: 'online' },
    ])
    await Promise.all([dies?.kill(), closes?.stop()])
    await until(
      () => notes.get('client-dies')?.status === 'offline' && notes.get('client-closes') === undefined,
      patient,
    )
    expect(notes.get('client-lives')).toMatchObject({ status: 'online', workers: [{ tid: 'lives' }] })
    expect(lives?.began.size).toBe(0)
  })
})
