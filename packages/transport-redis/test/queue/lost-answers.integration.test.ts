import { pause } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  completeOf,
  losingAnswerOf,
  newRoute,
  openQueueStage,
  queueModes,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

/** Redis did what it was asked for, but the connection ended before it could say so. */
describe.each(queueModes)('answers that are lost in mode %s', (mode) => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage(mode)
  })
  afterAll(() => stage.close())

  it('a send makes one task, and is the first of its tid', async () => {
    const peer = await stage.peer({ between: losingAnswerOf('send') })
    const route = newRoute()
    const hands = await peer.consume(route)
    const task = taskOf(route)
    expect(await peer.transport.send(task)).toEqual({ deduplicated: false })
    const delivery = await hands.of(task.tid)
    await delivery.ack(completeOf(delivery))
    await peer.completion(task.tid)
    await pause(100)
    expect(hands.deliveries).toHaveLength(1)
    expect(peer.completions(task.tid)).toHaveLength(1)
  })

  it('a send whose task is over by then is answered by its completion', async () => {
    const worker = await stage.peer()
    const route = newRoute()
    const hands = await worker.consume(route)
    const peer = await stage.peer({ between: losingAnswerOf('send') })
    const task = taskOf(route)
    const sending = peer.transport.send(task)
    const delivery = await hands.of(task.tid)
    await delivery.ack(completeOf(delivery))
    expect(await sending).toEqual({ deduplicated: false })
    expect((await peer.completion(task.tid)).status).toBe('succeed')
    await pause(100)
    expect(peer.completions(task.tid)).toHaveLength(1)
  })

  it('an ack is done once, and is no lost lease', async () => {
    const peer = await stage.peer({ between: losingAnswerOf('work') })
    const route = newRoute()
    const hands = await peer.consume(route)
    const task = taskOf(route)
    await peer.transport.send(task)
    const delivery = await hands.of(task.tid)
    await delivery.ack(completeOf(delivery))
    await peer.completion(task.tid)
    await pause(100)
    expect(peer.completions(task.tid)).toHaveLength(1)
    expect(hands.deliveries).toHaveLength(1)
  })

  it('an ack of a workgroup that only observes is done once', async () => {
    const peer = await stage.peer({ between: losingAnswerOf('work') })
    const route = newRoute()
    const hands = await peer.consume(route, { workgroup: 'audit' })
    const caller = await stage.peer()
    await caller.consume(route)
    const task = taskOf(route)
    await caller.transport.send(task)
    const delivery = await hands.of(task.tid)
    await delivery.ack(completeOf(delivery, { workgroup: 'audit' }))
    expect(caller.completions(task.tid)).toEqual([])
  })

  it('a failed release counts once', async () => {
    const peer = await stage.peer({ between: losingAnswerOf('work') })
    const route = newRoute()
    const hands = await peer.consume(route)
    const task = taskOf(route, { attempts: 2 })
    await peer.transport.send(task)
    await (await hands.of(task.tid, 1)).release({ failed: true })
    const again = await hands.of(task.tid, 2)
    await again.ack(completeOf(again))
    expect(await peer.completion(task.tid)).toMatchObject({ status: 'succeed', attempt: 2 })
  })

  it('progress is told once', async () => {
    const peer = await stage.peer({ between: losingAnswerOf('work') })
    const route = newRoute()
    const hands = await peer.consume(route)
    const task = taskOf(route)
    await peer.transport.send(task)
    const delivery = await hands.of(task.tid)
    await delivery.report({
      ...completeOf(delivery),
      action: 'status',
      status: 'progress',
      progress: 50,
      seq: 1,
    })
    await delivery.ack(completeOf(delivery))
    await peer.completion(task.tid)
    expect(peer.events.map(({ action }) => action)).toEqual(['status', 'complete'])
  })

  it('what was handed out unseen comes again long before its lease ends, and does not count as failed', async () => {
    const caller = await stage.peer()
    const route = newRoute()
    const task = taskOf(route, { attempts: 1 })
    await caller.transport.send(task)
    const peer = await stage.peer({ between: losingAnswerOf('take') })
    const hands = await peer.consume(route, { leaseMs: 600_000 })
    const delivery = await hands.of(task.tid)
    expect(delivery.attempt).toBe(2)
    await delivery.ack(completeOf(delivery))
    expect((await caller.completion(task.tid)).status).toBe('succeed')
  })

  it('what is in hand stays there when a consumer tells what it holds', async () => {
    const caller = await stage.peer()
    const route = newRoute()
    let isTime = false
    const peer = await stage.peer({ between: losingAnswerOf('take', () => isTime) })
    const hands = await peer.consume(route, { leaseMs: 600_000 })
    const [first, second] = [taskOf(route), taskOf(route)]
    await caller.transport.send(first)
    const held = await hands.of(first.tid)
    isTime = true
    await caller.transport.send(second)
    const regained = await hands.of(second.tid)
    expect(regained.attempt).toBe(2)
    for (const delivery of [held, regained]) await delivery.ack(completeOf(delivery))
    expect((await caller.completion(first.tid)).attempt).toBe(1)
    expect(hands.deliveries).toHaveLength(2)
  })
})
