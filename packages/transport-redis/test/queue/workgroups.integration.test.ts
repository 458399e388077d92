import { pause, until } from '@aether/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  completeOf,
  newRoute,
  openQueueStage,
  queueModes,
  type QueueStage,
  taskOf,
} from '../support/queue-stage.ts'

describe.each(queueModes)('workgroups in mode %s', (mode) => {
  let stage: QueueStage
  beforeAll(async () => {
    stage = await openQueueStage(mode)
  })
  afterAll(() => stage.close())

  /** Tasks that Redis holds for a context. */
  async function sizeOf(union: string, context = 'x'): Promise<number> {
    const base = `aether:{${union}/job/task}`
    return mode === 'streams'
      ? Number(await stage.server.cli('XLEN', `${base}/tasks/${context}`))
      : Number(await stage.server.cli('HLEN', `${base}/entries/${context}`))
  }

  it('a task is kept until the last workgroup is done with it, whoever comes first', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const groups = ['workers', 'audit', 'metrics', 'billing', 'search']
    const hands = await Promise.all(groups.map((workgroup) => peer.consume(route, { workgroup })))
    const task = taskOf(route)
    await peer.transport.send(task)
    for (const [index, each] of hands.entries()) {
      expect(await sizeOf(route.union)).toBe(1)
      const delivery = await each.of(task.tid)
      await delivery.ack(completeOf(delivery, { workgroup: groups[index] ?? '' }))
    }
    expect(await sizeOf(route.union)).toBe(0)
    expect((await peer.completion(task.tid)).workgroup).toBe('workers')
    // Answered, and forgotten only after its time.
    expect(await peer.transport.send(task)).toEqual({ deduplicated: true })
  })

  it('who subscribes later gets only what is sent later', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const before = taskOf(route)
    await peer.transport.send(before)
    const late = await peer.consume(route, { workgroup: 'late' })
    const after = taskOf(route)
    await peer.transport.send(after)
    await late.of(after.tid)
    await pause(100)
    expect(late.deliveries.map(({ task }) => task.tid)).toEqual([after.tid])
  })

  it('a backlog waits for the workgroup that it names', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const tasks = Array.from({ length: 600 }, () => taskOf(route, { workgroup: 'resizers' }))
    await Promise.all(tasks.map((task) => peer.transport.send(task)))
    const others = await peer.consume(route, { workgroup: 'others' })
    const hands = await peer.consume(route, { workgroup: 'resizers', credit: 1_000 })
    await until(() => hands.deliveries.length === tasks.length, { timeoutMs: 10_000 })
    expect(hands.deliveries.map(({ task }) => task.tid)).toEqual(tasks.map(({ tid }) => tid))
    expect(others.deliveries).toEqual([])
    await Promise.all(hands.deliveries.map((delivery) => delivery.ack(completeOf(delivery))))
    expect(await sizeOf(route.union)).toBe(0)
  })

  it('+ takes from contexts that come into being later, each task once', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const any = await peer.consume({ ...route, context: '+' }, { credit: 50 })
    const observer = await peer.consume({ ...route, context: '+' }, { workgroup: 'audit', credit: 50 })
    const tasks = Array.from({ length: 30 }, (_, index) => taskOf({ ...route, context: `c${index % 10}` }))
    for (const task of tasks) await peer.transport.send(task)
    const expected = tasks.map(({ tid }) => tid).toSorted()
    for (const hands of [any, observer]) {
      await until(() => hands.deliveries.length === tasks.length)
      expect(hands.deliveries.map(({ task }) => task.tid).toSorted()).toEqual(expected)
    }
    for (const delivery of any.deliveries) await delivery.ack(completeOf(delivery))
    for (const { tid } of tasks) await peer.completion(tid)
  })

  it('a deadline ends the copies of those who observe as well', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const hands = await peer.consume(route)
    const observer = await peer.consume(route, { workgroup: 'audit' })
    const task = taskOf(route, { deadline: Date.now() + 600 })
    await peer.transport.send(task)
    const delivery = await hands.of(task.tid)
    await delivery.ack(completeOf(delivery))
    const copy = await observer.of(task.tid)
    const codes: string[] = []
    copy.onRevoke(({ code }) => codes.push(code))
    await until(() => codes.length > 0)
    expect(codes).toEqual(['ERR_AETHER_DEADLINE_EXCEEDED'])
    await until(async () => (await sizeOf(route.union)) === 0)
    await pause(50)
    expect(peer.completions(task.tid).map(({ status }) => status)).toEqual(['succeed'])
  })

  it('past the last attempt of an observing workgroup the caller still has its answer', async () => {
    const peer = await stage.peer()
    const route = newRoute()
    const hands = await peer.consume(route)
    const observer = await peer.consume(route, { workgroup: 'audit' })
    const task = taskOf(route, { attempts: 1 })
    await peer.transport.send(task)
    await (
      await observer.of(task.tid)
    ).release({
      failed: true,
      error: { code: 'ERR_AETHER_TASK_FAILED', message: 'no paper', retryable: true },
    })
    const delivery = await hands.of(task.tid)
    await delivery.ack(completeOf(delivery))
    expect((await peer.completion(task.tid)).status).toBe('succeed')
    expect(await sizeOf(route.union)).toBe(0)
    const [letter] = await peer.transport.deadLetters(route)
    expect(letter).toMatchObject({
      workgroup: 'audit',
      task: { tid: task.tid, attempts: 1 },
      end: { status: 'failed', error: { message: 'no paper' } },
    })
  })

  it('dead letters are bounded, the oldest first out', async () => {
    const peer = await stage.peer({ maxDeadLetters: 3 })
    const route = newRoute()
    const hands = await peer.consume(route)
    const tasks = Array.from({ length: 5 }, () => taskOf(route))
    for (const task of tasks) {
      await peer.transport.send(task)
      const delivery = await hands.of(task.tid)
      await delivery.ack(completeOf(delivery, { status: 'failed' }), { deadLetter: true })
    }
    const kept = await peer.transport.deadLetters({ ...route, context: '+' })
    expect(kept.map(({ task }) => task.tid)).toEqual(tasks.slice(2).map(({ tid }) => tid))
    expect(kept[0]?.task.body).toEqual(new Uint8Array(Buffer.from('{"n":1}')))
    expect(await peer.transport.deadLetters({ ...route, context: 'other' })).toEqual([])
  })
})

describe.each(queueModes)('what nobody uses in mode %s', (mode) => {
  it(
    'goes: contexts, workgroups and what only observed; what is named waits',
    { timeout: 40_000 },
    async () => {
      const stage = await openQueueStage(mode)
      try {
        const peer = await stage.peer({ groupTtlMs: 1_000 })
        const route = newRoute()
        const base = `aether:{${route.union}/job/task}`
        const observed = { ...route, context: 'observed' }
        const left = { ...route, context: 'left' }
        const hands = await peer.consume(observed)
        const audit = await peer.consume(observed, { workgroup: 'audit' })
        const gone = await peer.consume(left)
        const [waiting, task] = [taskOf(observed, { workgroup: 'later' }), taskOf(observed)]
        for (const each of [waiting, task]) await peer.transport.send(each)
        const delivery = await hands.of(task.tid)
        await audit.of(task.tid)
        await audit.close()
        await gone.close()
        await delivery.ack(completeOf(delivery))
        const groups = (context: string): Promise<string> =>
          stage.server.cli('HKEYS', `${base}/groups/${context}`)
        await until(async () => !(await groups('observed')).includes('audit'), { timeoutMs: 15_000 })
        expect((await groups('observed')).split('\n').toSorted()).toEqual(['later', 'workers'])
        await until(async () => !(await stage.server.cli('HKEYS', `${base}/contexts`)).includes('left'), {
          timeoutMs: 15_000,
        })
        expect((await stage.keys('*left*')).filter((key) => !key.includes('/task/'))).toEqual([])
        const late = await peer.consume(observed, { workgroup: 'later' })
        const found = await late.of(waiting.tid)
        expect(found.attempt).toBe(1)
        await found.ack(completeOf(found, { workgroup: 'later' }))
        expect((await peer.completion(waiting.tid)).workgroup).toBe('later')
      } finally {
        await stage.close()
      }
    },
  )
})
