import { join } from 'node:path'

import { createBroker } from '@aether/broker'
import { createAether, type Presence, type PresenceChange, type WorkerPresence } from '@aether/core'
import { until } from '@aether/testing'
import { tcp } from '@aether/transport-tcp'
import { describe, expect, it, onTestFinished } from 'vitest'

import { child, type Child } from './child-process.ts'
import { wait } from './fixtures/waiting-handlers.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** How often the worker says that it is there; silent for three times as long, it counts as gone. */
const presenceMs = 1_000

interface Scene {
  readonly worker: Child
  readonly presence: Presence
  readonly changes: PresenceChange[]
}

/** A worker in a process of its own with one task in hand, and somebody who watches who is online. */
async function busyWorker(): Promise<Scene> {
  const broker = createBroker({ port: 0, drainGraceMs: 0 })
  onTestFinished(() => broker.close())
  await broker.start()
  const url = `tcp://127.0.0.1:${broker.address.port}`
  const aether = createAether({ union: 'test', transport: tcp({ url }) })
  onTestFinished(() => aether.close({ signal: AbortSignal.abort() }))
  await aether.start()
  const presence = await aether.presence()
  const changes: PresenceChange[] = []
  const reading = (async () => {
    for await (const change of presence.changes()) changes.push(change)
  })()
  onTestFinished(async () => {
    await presence.close()
    await reading
  })
  expect(presence.workers()).toEqual([])
  const worker = child(`${import.meta.dirname}/fixtures/present-worker.ts`, [url, String(presenceMs)])
  await until(() => presence.workers().length > 0, {
    what: () => `a worker that is online: ${worker.stderr()}`,
    timeoutMs: 30_000,
  })
  aether
    .perform(wait, { until: join(await temporaryFolder(), 'gate'), listens: true })
    .settle()
    .catch(() => undefined)
  await until(() => presence.workers()[0]?.active === 1)
  return { worker, presence, changes }
}

const busy = {
  name: 'present',
  channel: 'default',
  workgroup: 'workers',
  active: 1,
  concurrency: 3,
  tasks: [{ job: 'test', task: 'wait', active: 1, concurrency: 3 }],
}

function ofKind(changes: readonly PresenceChange[], kind: PresenceChange['kind']): WorkerPresence[] {
  return changes.flatMap((change) => (change.kind === kind ? [change.worker] : []))
}

describe('the presence of a worker process', () => {
  it('shows its task and load, and is lost within the time-out once it is killed', async () => {
    const { worker, presence, changes } = await busyWorker()
    expect(presence.workers()).toMatchObject([busy])
    worker.process.kill('SIGKILL')
    expect(await worker.exited).toBe('SIGKILL')
    const killedAt = performance.now()
    // Nobody said goodbye for it, so it is still shown until it was silent for too long.
    expect(presence.workers()).toMatchObject([busy])
    await until(() => presence.workers().length === 0, { timeoutMs: 10_000 })
    // Three periods of silence and a sweep of half a second; the rest is for a busy machine.
    expect(performance.now() - killedAt).toBeLessThan(presenceMs * 3 + 500 + 2_000)
    await until(() => ofKind(changes, 'lost').length === 1)
    expect(ofKind(changes, 'lost')).toMatchObject([busy])
    expect(ofKind(changes, 'offline')).toEqual([])
  })

  it('is gone at once when it closes in order: it says goodbye', async () => {
    const { worker, presence, changes } = await busyWorker()
    expect(presence.workers()).toMatchObject([busy])
    worker.process.stdin.end()
    await until(() => presence.workers().length === 0, { timeoutMs: 10_000 })
    await until(() => ofKind(changes, 'offline').length === 1)
    expect(ofKind(changes, 'offline')).toMatchObject([{ name: 'present' }])
    expect(await worker.exited).toBe(0)
    expect(ofKind(changes, 'lost')).toEqual([])
  })
})
