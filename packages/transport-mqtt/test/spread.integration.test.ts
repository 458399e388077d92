import { type Aether, createAether, defineTask } from '@aether/core'
import { type MosquittoServer, startMosquitto } from '@aether/services'
import { until } from '@aether/testing'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { mqtt, type MqttCapabilities, type MqttOptions } from '../src/index.ts'
import { openings } from './support/openings.ts'

// AetherMagic's bug report 002: two workers of one workgroup both took `problem-task-123`, 77 times each, because the broker it was tested with did not know
// shared subscriptions. Here with a real Mosquitto.

let server: MosquittoServer
beforeAll(async () => {
  server = await startMosquitto({ config: 'log_type subscribe' })
})
afterAll(() => server.close())

const opened = openings()
/** Its own for each test, so that none hears of another. */
let union = 'production'
let tests = 0
beforeEach(() => {
  tests += 1
  union = `production-${tests}`
})
const engine = defineTask({ job: 'process-image', task: 'resize', deadlineMs: 120_000, leaseMs: 60_000 })
const context = 'batch1'
/**
 * A busy machine may be silent for longer than a broker waits, or answer later than a caller does; then a task is offered, and begun, once more. That is allowed,
 * and not what is looked at here.
 */
const patient = { keepAliveMs: 120_000, lease: { resendMs: 15_000, resendMaxMs: 15_000 } }

function application(options: Partial<MqttOptions> = {}): Aether<MqttCapabilities> {
  return opened(createAether({ union, transport: mqtt({ ...patient, url: server.url, ...options }) }))
}

/** Tids as one worker took them. */
async function startWorker(workgroup: string, options: Partial<MqttOptions> = {}): Promise<string[]> {
  const taken: string[] = []
  const worker = application(options).worker({ workgroup, concurrency: 64 })
  worker.handle(
    engine,
    (input, { tid }) => {
      taken.push(tid)
      return input
    },
    { context },
  )
  await worker.start()
  return taken
}

/** Performs tasks, so many at a time, and waits for all results. */
async function performAll(aether: Aether<MqttCapabilities>, tids: readonly string[]): Promise<void> {
  const left = tids.entries()
  const lane = async (): Promise<void> => {
    for (const [n, tid] of left) expect(await aether.perform(engine, n, { tid, context })).toBe(n)
  }
  await Promise.all(Array.from({ length: 256 }, lane))
}

describe('tasks over workers of a workgroup', () => {
  it(
    'go to exactly one each, evenly; every other workgroup gets its copy: 9 000 tasks, 3 workers',
    { timeout: 300_000 },
    async () => {
      const workers = await Promise.all([1, 2, 3].map(() => startWorker('workers')))
      const audit = await Promise.all([1, 2].map(() => startWorker('audit')))
      const caller = application()
      const tids = Array.from({ length: 9_000 }, (_, n) => `task-${n}`)
      await performAll(caller, tids)
      const expected = tids.toSorted()
      // Observers are nobody's to wait for: their last copies may still be on their way.
      await until(() => audit.flat().length >= 9_000, { timeoutMs: 120_000 })
      expect(workers.flat().toSorted()).toEqual(expected)
      expect(audit.flat().toSorted()).toEqual(expected)
      for (const { length } of workers) expect(Math.abs(length - 3_000)).toBeLessThanOrEqual(300)
      // Its copies were offered again where one had no room for them.
      for (const { length } of audit) expect(Math.abs(length - 4_500)).toBeLessThanOrEqual(900)
      expect(caller.ledger).toMatchObject({ performed: 9_000, succeeded: 9_000, failed: 0, open: 0 })
    },
  )

  it('go to one worker though the same task is performed again and again', async () => {
    const [first, second] = [await startWorker('workers'), await startWorker('workers')]
    const caller = application()
    for (let n = 0; n < 77; n += 1) {
      expect(await caller.perform(engine, 123, { tid: 'problem-task-123', context })).toBe(123)
    }
    expect([...first, ...second]).toEqual(['problem-task-123'])
  })

  it.each([5, 4] as const)(
    'reach every workgroup of one application, each once (protocol %i)',
    async (protocolVersion) => {
      const apart = await startWorker('workers', { protocolVersion })
      const aether = application({ protocolVersion })
      const together = ['workers', 'audit', 'metrics'].map((workgroup) => {
        const taken: string[] = []
        const worker = aether.worker({ workgroup })
        worker.handle(
          engine,
          (input, { tid }) => {
            taken.push(tid)
            return input
          },
          { context },
        )
        return { worker, taken }
      })
      for (const { worker } of together) await worker.start()
      const tids = Array.from({ length: 100 }, (_, n) => `together-${protocolVersion}-${n}`)
      await performAll(application({ protocolVersion }), tids)
      const [workers, audit, metrics] = together.map(({ taken }) => taken) as [string[], string[], string[]]
      await until(() => audit.length >= 100 && metrics.length >= 100, { timeoutMs: 60_000 })
      const expected = tids.toSorted()
      expect([...apart, ...workers].toSorted()).toEqual(expected)
      expect(audit.toSorted()).toEqual(expected)
      expect(metrics.toSorted()).toEqual(expected)
      expect(Math.abs(apart.length - 50)).toBeLessThanOrEqual(5)
      await until(() => together.every(({ worker }) => worker.stats.active === 0))
    },
  )

  it('are shared by workers over MQTT 5 and 3.1.1 alike', async () => {
    const workers = await Promise.all(
      ([4, 5] as const).map((protocolVersion) => startWorker('workers', { protocolVersion })),
    )
    const tids = Array.from({ length: 600 }, (_, n) => `mixed-${n}`)
    await performAll(application({ protocolVersion: 4 }), tids)
    expect(workers.flat().toSorted()).toEqual(tids.toSorted())
    for (const { length } of workers) expect(Math.abs(length - 300)).toBeLessThanOrEqual(30)
  })
})

describe('the topics of AetherMagic', () => {
  const topic = 'production/process-image/resize/batch1'
  const shared = `$share/production_process-image_workers/${topic}/+/perform`
  beforeEach(() => {
    union = 'production'
  })

  it('are what a worker subscribes to', async () => {
    await startWorker('workers')
    expect(server.log()).toContain(`1 ${shared}`)
  })

  it('are what a task is published on, where any client finds it', async () => {
    // The forms of the report: every task, one task, one task shared by a group of another name.
    const filters = [
      `${topic}/+/perform`,
      `${topic}/task-1/perform`,
      `$share/production_others/${topic}/task-1/perform`,
    ]
    const heard = await Promise.all(filters.map((filter) => listen(filter)))
    await startWorker('workers')
    await application().perform(engine, 1, { tid: 'task-1', context })
    await until(() => heard.every(({ topics }) => topics.length > 0))
    expect(heard.map(({ topics }) => topics)).toEqual(filters.map(() => [`${topic}/task-1/perform`]))
  })

  it('let a client without Aether take its share of a workgroup', async () => {
    const taken = await startWorker('workers')
    const plain = await listen(shared)
    const caller = application({ lease: { resendMs: 100 } })
    const runs = Array.from({ length: 20 }, (_, n) =>
      caller.perform(engine, n, { tid: `shared-${n}`, context }),
    )
    await until(() => plain.topics.length > 0 && taken.length > 0)
    // What a silent member took is offered again, and in the end everything is done here.
    await plain.close()
    expect(await Promise.all(runs)).toEqual(Array.from({ length: 20 }, (_, n) => n))
    expect(taken.toSorted()).toEqual(runs.map(({ tid }) => tid).toSorted())
  })
})

/** What a client without Aether hears of a topic filter. */
async function listen(
  filter: string,
): Promise<{ readonly topics: readonly string[]; close(): Promise<void> }> {
  const client = await connectAsync(server.url)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= client.endAsync())
  opened({ close })
  const topics: string[] = []
  client.on('message', (name) => topics.push(name))
  await client.subscribeAsync(filter)
  return { topics, close }
}
