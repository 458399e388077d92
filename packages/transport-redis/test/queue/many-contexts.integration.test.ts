import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { until } from '@aether/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listsQueue } from '../../src/lists/lists-queue.ts'
import { queueScripts } from '../../src/queue/queue-scripts.ts'
import { streamsQueue } from '../../src/streams/streams-queue.ts'
import {
  completeOf,
  type Hands,
  newRoute,
  openQueueStage,
  queueModes,
  type QueuePeer,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

const contextCount = 300

/** Tells of each command that a server runs. By hand: ioredis takes what comes right behind the answer to MONITOR for an answer, and gives up. */
async function openMonitor(
  port: number,
  onCommand: (source: string, name: string, first: string) => void,
): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  let isOpen = false
  createInterface({ input: socket }).on('line', (line) => {
    isOpen ||= line === '+OK'
    const [, source, name, first = ''] = /^\+\S+ \[\d+ (\S+)\] "([^"]*)"(?: "([^"]*)")?/.exec(line) ?? []
    if (source !== undefined && name !== undefined) onCommand(source, name.toUpperCase(), first)
  })
  socket.on('error', () => socket.destroy())
  socket.write('MONITOR\r\n')
  await until(() => isOpen)
  return socket
}

describe.each(queueModes)('a consumer of all contexts in mode %s', { timeout: 40_000 }, (mode) => {
  let stage: QueueStage
  let client: Redis
  beforeAll(async () => {
    stage = await openQueueStage(mode)
    client = new Redis(stage.server.port)
  })
  afterAll(async () => {
    client.disconnect()
    await stage.close()
  })

  const { take } = queueScripts(mode, mode === 'streams' ? streamsQueue : listsQueue)
  const sha = createHash('sha1').update(take.lua).digest('hex')

  /** The commands that each run of `take` made while `during` ran. */
  async function commandsOfTakes(during: () => Promise<void>): Promise<readonly (readonly string[])[]> {
    const takes: string[][] = []
    let isTake = false
    let isTold = false
    const monitor = await openMonitor(stage.server.port, (source, name, first) => {
      if (source !== 'lua') {
        isTake = name === 'EVALSHA' && first === sha
        if (isTake) takes.push([])
        isTold ||= name === 'ECHO' && first === 'enough'
      } else if (isTake) {
        takes.at(-1)?.push(name)
      }
    })
    await during()
    // What was done before has been told when this is.
    await client.echo('enough')
    await until(() => isTold)
    monitor.destroy()
    return takes
  }

  async function perform(
    peer: QueuePeer,
    hands: Hands,
    tasks: readonly ReturnType<typeof taskOf>[],
  ): Promise<void> {
    await Promise.all(tasks.map((task) => peer.transport.send(task)))
    for (const { tid } of tasks) {
      const delivery = await hands.of(tid)
      await delivery.ack(completeOf(delivery))
      await peer.completion(tid)
    }
  }

  it('looks only into those that have work, however many there are', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const hands = await peer.consume({ ...route, context: '+' }, { credit: 1_000 })
    const routes = Array.from({ length: contextCount }, (_, n) => ({ ...route, context: `c${n}` }))
    await perform(
      peer,
      hands,
      routes.map((each) => taskOf(each)),
    )
    const base = `aether:{${route.union}/job/task}`
    expect(await client.hlen(`${base}/contexts`)).toBe(contextCount)
    const takes = await commandsOfTakes(async () => {
      for (const each of routes.slice(0, 20)) await perform(peer, hands, [taskOf(each)])
    })
    expect(takes.length).toBeGreaterThanOrEqual(20)
    expect(takes.flat()).toContain('ZRANGEBYSCORE')
    for (const commands of takes) expect(commands.length, commands.join()).toBeLessThan(20)
  })

  it('serves contexts in turn, also where one of them has more than it can take', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const many = Array.from({ length: 200 }, () => taskOf({ ...route, context: 'many' }))
    await Promise.all(many.map((task) => peer.transport.send(task)))
    const few = taskOf({ ...route, context: 'few' })
    await peer.transport.send(few)
    const hands = await peer.consume({ ...route, context: '+' }, { credit: 4 })
    await until(() => hands.deliveries.length === 4)
    for (let done = 0; !hands.deliveries.some(({ task }) => task.tid === few.tid); done += 4) {
      expect(done).toBeLessThan(12)
      const inHand = hands.deliveries.slice(done, done + 4)
      for (const delivery of inHand) await delivery.ack(completeOf(delivery))
      await until(() => hands.deliveries.length === done + 8)
    }
  })

  it('finds what comes back after a while, and what a context of its own consumer has left', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const hands = await peer.consume({ ...route, context: '+' }, { credit: 64 })
    const [returned, failed] = [taskOf(route), taskOf({ ...route, context: 'y' })]
    for (const task of [returned, failed]) await peer.transport.send(task)
    await (await hands.of(returned.tid, 1)).release({ delayMs: 400 })
    await (await hands.of(failed.tid, 1)).release({ failed: true, delayMs: 200 })
    for (const task of [returned, failed]) {
      const again = await hands.of(task.tid, 2)
      await again.ack(completeOf(again))
      await peer.completion(task.tid)
    }
    const own = await peer.consume({ ...route, context: 'z' }, { credit: 1 })
    const tasks = Array.from({ length: 30 }, () => taskOf({ ...route, context: 'z' }))
    await Promise.all(tasks.map((task) => peer.transport.send(task)))
    await own.close()
    await until(() => own.deliveries.length + hands.deliveries.length >= tasks.length + 4)
  })

  it('sees what is there though the key that says so was dropped', async () => {
    const peer = await stage.peer({ groupTtlMs: 1_000 })
    const route = newRoute()
    const hands = await peer.consume({ ...route, context: '+' }, { credit: 1 })
    const [first, second] = [taskOf(route), taskOf({ ...route, context: 'y' })]
    await peer.transport.send(first)
    const delivery = await hands.of(first.tid)
    await peer.transport.send(second)
    expect(await client.del(`aether:{${route.union}/job/task}/ready/workers`)).toBe(1)
    await delivery.ack(completeOf(delivery))
    await hands.of(second.tid)
  })
})
