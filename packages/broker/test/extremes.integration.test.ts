import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  Codec,
  FrameType,
  writeAck,
  writeConsume,
  writeGoodbye,
  writePublishNamed,
  writeRelease,
  writeRenew,
  writeReport,
  writeRoute,
  writeSend,
  writeSubscribe,
  writeTopicRequest,
  type ConsumeFrame,
  type TaskFields,
} from '@aether/wire'
import { connect } from '@aether/wire/tcp'
import { createBroker } from '@aether/broker'
import { describe, expect, test } from 'vitest'
import { cursorOf, RawClient } from './raw-client.ts'
import { brokers, until } from './running-broker.ts'
import { succeed, TaskClient } from './task-client.ts'

const { start, raw, client } = brokers()
const MOST = 0xffff_ffff
const nothing = new Uint8Array(0)
const block = { codec: Codec.none, headers: undefined, body: nothing }

function task(fields: Partial<TaskFields> = {}): TaskFields {
  const base = {
    tid: 't',
    workgroup: 'w',
    waitForWorkers: true,
    priority: 0,
    attempts: 3,
    ttlMs: 0,
    delayMs: 0,
  }
  return { ...base, ...block, ...fields }
}

function consume(fields: Partial<ConsumeFrame> = {}): ConsumeFrame {
  const base = {
    consumer: 1,
    filter: 'u/j/t/x',
    workgroup: 'w',
    credit: 1,
    leaseMs: 30_000,
    pool: 0,
    poolCredit: 0,
  }
  return { ...base, ...fields }
}

/** A worker with one lease in its hands, and the number of that lease. */
async function holding(broker: Awaited<ReturnType<typeof start>>) {
  const worker = await raw(broker, 'worker')
  await worker.command((writer) => writeConsume(writer, consume()))
  worker.send((writer) => writeRoute(writer, 1, 'u/j/t/x'))
  await worker.command((writer) => writeSend(writer, 1, 0, 0, task()))
  const cursor = cursorOf(await worker.next(FrameType.DELIVER))
  cursor.u32()
  return { worker, lease: cursor.u64() }
}

/** What is alive. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}

describe('leases that are not one’s own', () => {
  const commands = {
    RENEW: (lease: number) => (writer: Parameters<typeof writeRenew>[0]) => writeRenew(writer, lease),
    REPORT: (lease: number) => (writer: Parameters<typeof writeRenew>[0]) =>
      writeReport(writer, lease, { status: 1, progress: 1, seq: 1, ...block }),
    ACK: (lease: number) => (writer: Parameters<typeof writeRenew>[0]) =>
      writeAck(writer, lease, 0, false, block),
    RELEASE: (lease: number) => (writer: Parameters<typeof writeRenew>[0]) =>
      writeRelease(writer, lease, 0, true, block),
  }

  test.each(Object.entries(commands))(
    '%s: refused, whoever holds it, and the holder keeps it',
    async (_n, write) => {
      const broker = await start()
      const { worker, lease } = await holding(broker)
      const thief = await raw(broker, 'thief')
      for (const wanted of [lease, 0, lease + 1, MOST, Number.MAX_SAFE_INTEGER]) {
        await expect(thief.command(write(wanted))).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
      }
      expect(broker.stats().tasks).toMatchObject({ leased: 1, open: 1 })
      await worker.command((writer) => writeAck(writer, lease, 0, false, block))
      expect(broker.stats().tasks).toMatchObject({ leased: 0, open: 0, succeeded: 1 })
      await expect(worker.command(write(lease))).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
    },
  )

  test('a lease number over 2^53 is no number', async () => {
    const broker = await start()
    const thief = await raw(broker)
    thief.socket.write(Uint8Array.of(0, 0, 0, 9, FrameType.RENEW, 255, 255, 255, 255, 255, 255, 255, 255))
    expect((await thief.failure()).code).toBe('ERR_AETHER_FRAME_INVALID')
  })
})

describe('the largest numbers there are', () => {
  test('of credit, lease, deadline, delay, time to live and attempts', async () => {
    const broker = await start()
    const worker = await raw(broker, 'worker')
    await worker.command((writer) =>
      writeConsume(writer, consume({ credit: MOST, leaseMs: MOST, pool: MOST, poolCredit: MOST })),
    )
    worker.send((writer) => writeRoute(writer, MOST, 'u/j/t/x'))
    await worker.command((writer) =>
      writeSend(writer, MOST, MOST, MOST, task({ ttlMs: MOST, attempts: 65_535, priority: 9 })),
    )
    const cursor = cursorOf(await worker.next(FrameType.DELIVER))
    cursor.u32()
    const lease = cursor.u64()
    await worker.command((writer) => writeRelease(writer, lease, MOST, false, block))
    await worker.command((writer) => writeSend(writer, MOST, 0, MOST, task({ tid: 'later', delayMs: MOST })))
    // Nothing of it is due in these weeks, nor at once because a timer overflowed.
    await worker.command((writer) => writeSend(writer, MOST, 0, 0, task({ tid: 'now' })))
    await worker.next(FrameType.DELIVER)
    expect(broker.stats().tasks).toMatchObject({ open: 3, leased: 1, delayed: 2 })
  })

  test.each([{ credit: 0 }, { leaseMs: 0 }, { workgroup: '' }, { pool: 1, poolCredit: 0 }])(
    'a CONSUME with %j ends the connection',
    async (fields) => {
      const broker = await start()
      const worker = await raw(broker)
      worker.send((writer) => writeConsume(writer, consume(fields)))
      expect((await worker.failure()).code).toBe('ERR_AETHER_FRAME_INVALID')
    },
  )
})

describe('names', () => {
  test('# at the root gets whatever is published, and a subscription of an empty level is one', async () => {
    const broker = await start()
    const [all, empty] = [await raw(broker), await raw(broker)]
    await all.command((writer) => writeSubscribe(writer, '#'))
    await empty.command((writer) => writeSubscribe(writer, '/+'))
    const publisher = await raw(broker)
    const topics = ['a', 'a/b', '/a', 'a/', 'a/$b', '/']
    publisher.send((writer) => {
      for (const topic of topics) writePublishNamed(writer, topic, undefined, nothing)
    })
    const names = async (from: RawClient, count: number): Promise<string[]> => {
      const seen: string[] = []
      while (seen.length < count) seen.push(cursorOf(await from.next(FrameType.PUBLISH_NAMED)).str16())
      return seen
    }
    expect(await names(all, topics.length)).toEqual(topics)
    expect(await names(empty, 2)).toEqual(['/a', '/'])
  })

  test('a hundred thousand topics, each asked for: as many have ids as may, and all messages arrive', async () => {
    const broker = await start({ maxTopics: 1_000 })
    const subscriber = await client(broker)
    let received = 0
    await subscriber.subscribe('t/#', { onMessage: () => void received++ })
    const publisher = await raw(broker)
    for (let base = 0; base < 100_000; base += 10_000) {
      publisher.send((writer) => {
        for (let topic = base; topic < base + 10_000; topic++) {
          writeTopicRequest(writer, `t/${topic}`)
          writePublishNamed(writer, `t/${topic}`, undefined, nothing)
        }
      })
    }
    await until(() => received === 100_000)
    expect(broker.stats()).toMatchObject({
      topics: 1_000,
      published: 100_000,
      delivered: 100_000,
      dropped: 0,
    })
    publisher.close()
  })
})

describe('coming and going', () => {
  test('five thousand connections that each leave something behind leave nothing behind', async () => {
    const broker = await start()
    const { address } = broker
    const one = async (index: number): Promise<void> => {
      const visitor = await RawClient.greeted(address, `visitor ${index}`)
      visitor.send((writer) => {
        writeSubscribe(writer, `visits/${index % 50}/#`)
        writeTopicRequest(writer, `visits/${index % 50}/x`)
        writeRoute(writer, 1, 'u/j/t/x')
        writeConsume(writer, consume({ filter: 'u/other/t/x' }))
        if (index % 3 === 0) writeGoodbye(writer, 'leaving')
      })
      await visitor.take((frame) => frame.type === FrameType.CONFIRM, 'CONFIRM')
      if (index % 2 === 0) visitor.socket.end()
      else visitor.socket.resetAndDestroy()
    }
    const visit = async (from: number, to: number): Promise<void> => {
      for (let base = from; base < to; base += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, index) => one(base + index)))
      }
      await until(() => broker.stats().connections === 0)
    }
    await visit(0, 500)
    const before = heapBytes()
    await visit(500, 5_000)
    expect(broker.stats()).toMatchObject({
      accepted: 5_000,
      connections: 0,
      subscriptions: 0,
      topics: 50,
      requestsPending: 0,
      broken: 0,
      tasks: { open: 0, leased: 0, consumers: 0 },
    })
    // A connection that stays weighs more than 1 KiB.
    expect(heapBytes() - before).toBeLessThan(4_500 * 1_024)
  }, 60_000)

  test('close while it starts: the port is free again, and start says why it did not', async () => {
    const broker = createBroker({ port: 0 })
    const starting = broker.start()
    const closing = broker.close()
    await expect(starting).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
    await closing
    expect(broker.state.status).toBe('closed')
    await broker.close()
  })

  test('killed in the middle of a task and back at the same port: the caller sends it again and has its end', async () => {
    const first = createBroker({ port: 0 })
    await first.start()
    const { port, host } = first.address
    const backoff = { initialMs: 5, maxMs: 20 }
    const [callers, workers] = [await connect(first.url, { backoff }), await connect(first.url, { backoff })]
    const caller = new TaskClient(callers)
    const leases = await new TaskClient(workers).hold()
    const run = await caller.send({ tid: 'only' })
    await until(() => leases.length === 1)
    await first.close({ signal: AbortSignal.abort() })
    const second = createBroker({ host, port })
    await second.start()
    await until(() => leases.length === 2)
    // The word of the first delivery counts no more, that of the second is the end.
    await expect(succeed(leases[0]!, 'late')).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
    await succeed(leases[1]!, 'done')
    expect(await run.ending).toMatchObject({ outcome: 0, body: 'done' })
    expect(second.stats().tasks).toMatchObject({ accepted: 1, succeeded: 1, open: 0 })
    await Promise.all([callers.close(), workers.close()])
    await second.close()
  })
})

describe('nobody listens', () => {
  test('a flood of messages without a subscriber is read and forgotten', async () => {
    const broker = await start()
    const publisher = await client(broker)
    const payload = new Uint8Array(65_536)
    const before = process.memoryUsage().arrayBuffers
    for (let count = 0; count < 4_000; count++) {
      if (!publisher.publish('nobody/listens', payload)) await publisher.drained()
    }
    await publisher.flush()
    expect(broker.stats()).toMatchObject({ published: 4_000, delivered: 0, dropped: 0 })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100 * 1024 * 1024)
  })

  test('one client used by a hundred flows at once: each reply and message finds its own', async () => {
    const broker = await start()
    const [one, other] = [await client(broker), await client(broker)]
    await other.serve('echo', async (request) => {
      await new Promise((resolve) => setImmediate(resolve))
      return request.payload
    })
    const flow = async (name: number): Promise<void> => {
      const mine = await one.subscribe(`flow/${name}`)
      for (let round = 0; round < 20; round++) {
        one.publish(`flow/${name}`, Buffer.from(`${round}`))
        const [reply, message] = await Promise.all([
          one.request('echo', Buffer.from(`${name} ${round}`)),
          mine[Symbol.asyncIterator]().next(),
        ])
        expect([reply.text(), message.value?.text()]).toEqual([`${name} ${round}`, `${round}`])
      }
      await mine.close()
      expect(await mine[Symbol.asyncIterator]().next()).toMatchObject({ done: true })
    }
    await Promise.all(Array.from({ length: 100 }, (_, name) => flow(name)))
    expect(broker.stats()).toMatchObject({ subscriptions: 0, requestsPending: 0, requests: 2_000 })
  })
})
