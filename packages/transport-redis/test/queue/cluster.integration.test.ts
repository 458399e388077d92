import type { AetherEvent } from '@aether/core'
import { type RedisCluster, startRedisCluster } from '@aether/services'
import { until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyBase } from '../../src/queue/keys.ts'
import {
  completeOf,
  newRoute,
  openQueueStage,
  queueModes,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await startRedisCluster()
}, 60_000)
afterAll(() => cluster.close())

describe.each(queueModes)('a Cluster in mode %s', (mode) => {
  let stage: QueueStage
  const nodes = (): { cluster: readonly string[] } => ({
    cluster: cluster.nodes.map(({ port }) => `127.0.0.1:${port}`),
  })

  beforeAll(async () => {
    const [node] = cluster.nodes
    if (node === undefined) throw new Error('a Cluster without nodes')
    stage = await openQueueStage(mode, node)
  })
  afterAll(() => stage.close())

  const open = (): ReturnType<QueueStage['peer']> => stage.peer({ ...nodes(), url: undefined } as never)

  it('all keys of a job/task share a slot, whatever its name, and jobs share the nodes', async () => {
    const [caller, worker] = [await open(), await open()]
    const routes = ['plain', 'a{b}c', 'x}y{', '%7B', 'grüße', '{}', 'r1', 'r2', 'r3', 'r4'].map((job) =>
      newRoute({ job }),
    )
    for (const route of routes) {
      const hands = await worker.consume(route)
      const observer = await worker.consume({ ...route, context: '+' }, { workgroup: 'audit' })
      const [task, failing, later, cancelled, expiring] = [
        taskOf(route),
        taskOf(route, { attempts: 1 }),
        taskOf(route, { delayMs: 100 }),
        taskOf(route, { workgroup: 'nobody' }),
        taskOf(route, { workgroup: 'nobody', deadline: Date.now() + 300 }),
      ]
      for (const each of [task, failing, later, cancelled, expiring]) await caller.transport.send(each)
      await (await hands.of(failing.tid)).release({ failed: true })
      await caller.transport.cancel(route, cancelled.tid, 'enough')
      for (const { tid } of [task, later]) {
        const copy = await observer.of(tid)
        await copy.ack(completeOf(copy, { workgroup: 'audit' }))
        const delivery = await hands.of(tid)
        await delivery.renew()
        await delivery.ack(completeOf(delivery))
      }
      const ends = await Promise.all(
        [task, failing, later, cancelled, expiring].map(
          async ({ tid }) => (await caller.completion(tid)).status,
        ),
      )
      expect(ends).toEqual(['succeed', 'failed', 'succeed', 'cancelled', 'expired'])
      expect(await caller.transport.deadLetters(route)).toHaveLength(1)
    }
    const slots = await Promise.all(
      cluster.nodes.map(async (node) => {
        const keys = (await node.cli('KEYS', '*')).split('\n').filter((key) => key !== '')
        const tags = new Set(keys.map((key) => key.slice(0, key.indexOf('}/') + 1)))
        return { count: keys.length, tags }
      }),
    )
    expect(slots.every(({ count }) => count > 0)).toBe(true)
    const bases = routes.map(({ union, job, task }) => keyBase('aether:', `${union}/${job}/${task}`))
    const quoted = bases.map((base) => base.replace('ü', String.raw`\xc3\xbc`))
    for (const base of quoted)
      expect(
        slots.filter(({ tags }) => [...tags].some((tag) => tag === base)).length,
        base,
      ).toBeLessThanOrEqual(1)
  })

  it('bells, progress and events cross from node to node', async () => {
    const [caller, worker, watcher] = [await open(), await open(), await open()]
    const route = newRoute({ union: 'of-this-peer', job: `job-${mode}` })
    const heard: AetherEvent[] = []
    await watcher.transport.listen({ job: route.job }, (event) => heard.push(event))
    const hands = await worker.consume(route, { credit: 4 })
    const tasks = Array.from({ length: 40 }, () => taskOf(route, { waitForWorkers: false }))
    const sending = Promise.all(tasks.map((task) => caller.transport.send(task)))
    for (const { tid } of tasks) {
      const delivery = await hands.of(tid)
      await delivery.report({
        ...completeOf(delivery),
        action: 'status',
        status: 'progress',
        progress: 1,
        seq: 1,
      })
      await delivery.ack(completeOf(delivery))
      await caller.completion(tid)
    }
    await sending
    await until(() => heard.length === 80)
    expect(caller.events.filter(({ action }) => action === 'status')).toHaveLength(40)
  })
})
