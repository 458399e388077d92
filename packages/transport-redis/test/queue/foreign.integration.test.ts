import type { AetherEvent } from '@aether/core'
import { pause, until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  completeOf,
  newRoute,
  openQueueStage,
  queueModes,
  type QueuePeer,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

describe.each(queueModes)('foreign things in mode %s', (mode) => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage(mode)
  })
  afterAll(() => stage.close())

  function warnings(peer: QueuePeer): readonly string[] {
    return peer.log.filter(({ level }) => level === 'warn').map(({ message }) => message)
  }

  async function addForeign(union: string): Promise<void> {
    const base = `aether:{${union}/job/task}`
    if (mode === 'streams') {
      const stream = `${base}/tasks/x`
      await stage.server.cli('XADD', stream, '*', 'hello', 'world')
      await stage.server.cli('XADD', stream, '*', 'm', 'too short')
      await stage.server.cli('XADD', stream, '*', 'a', '1', 'b', '2')
    } else {
      await stage.server.cli('LPUSH', `${base}/queue/x/workers`, 'hello', '12345')
      await stage.server.cli('HSET', `${base}/entries/x`, '12346', 'too short')
      await stage.server.cli('LPUSH', `${base}/queue/x/workers`, '12346')
    }
  }

  it('in the queue are thrown out, said once, and harm nothing', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const hands = await peer.consume(route)
    await addForeign(route.union)
    // Ids of ours are never below what is there.
    const task = taskOf(route)
    await stage.server.cli('DEL', `aether:{${route.union}/job/task}/last`)
    await peer.transport.send(task)
    const delivery = await hands.of(task.tid)
    await delivery.ack(completeOf(delivery))
    await peer.completion(task.tid)
    expect(hands.deliveries).toHaveLength(1)
    await until(() => warnings(peer).length > 0)
    await addForeign(route.union)
    await stage.server.cli('DEL', `aether:{${route.union}/job/task}/last`)
    const second = taskOf(route)
    await peer.transport.send(second)
    await hands.of(second.tid)
    expect(warnings(peer)).toHaveLength(1)
  })

  it('on the inbox and on the channels of events are left out', async () => {
    const peer = await stage.peer()
    const heard: AetherEvent[] = []
    await peer.transport.listen({}, (event) => heard.push(event))
    const inboxes = (await stage.server.cli('PUBSUB', 'CHANNELS', 'aether:inbox/*')).split('\n')
    for (const inbox of inboxes)
      for (const message of ['', 'x', 'hello world', '\u0001\u0002'])
        await stage.server.cli('PUBLISH', inbox, message)
    for (const topic of ['of-this-peer/a/b/c/d/status', 'of-this-peer/a', 'of-this-peer/a/b/c/d/perform'])
      await stage.server.cli('PUBLISH', `aether:event/${topic}`, 'nothing of ours')
    const route = newRoute({ union: 'of-this-peer' })
    await peer.transport.publish({
      action: 'cancel',
      route,
      tid: 't',
      client: 'c',
      host: 'h',
      reason: 'ours',
    })
    await until(() => heard.length > 0)
    await pause(50)
    expect(heard).toMatchObject([{ action: 'cancel', reason: 'ours' }])
    expect(warnings(peer)).toHaveLength(1)
  })

  it('in place of a queue are refused with a code, and nothing is left of what was sent', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const base = `aether:{${route.union}/job/task}`
    const key = mode === 'streams' ? `${base}/tasks/x` : `${base}/entries/x`
    await stage.server.cli('SET', key, 'mine')
    const code = 'ERR_AETHER_OPTIONS_INVALID'
    const task = taskOf(route)
    await expect(peer.transport.send(task)).rejects.toMatchObject({ code })
    expect(await stage.keys(`${base}/task/*`)).toEqual([])
    expect(await stage.server.cli('GET', key)).toBe('mine')
    await stage.server.cli('DEL', key)
    const hands = await peer.consume(route)
    await peer.transport.send(task)
    await hands.of(task.tid)
  })
})
