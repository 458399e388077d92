import type { Client, Message } from '@aether/wire'
import {
  FrameType,
  readDropped,
  readTopic,
  writePublish,
  writePublishNamed,
  writeRequest,
  writeSubscribe,
  writeTopicRequest,
} from '@aether/wire'
import { describe, expect, test } from 'vitest'
import { cursorOf, type RawClient } from '../raw-client.ts'
import { brokers, until } from '../running-broker.ts'

const { start, raw, client } = brokers()
const bytes = (text: string): Uint8Array => Buffer.from(text)

async function collect(session: Client, filter: string): Promise<Message[]> {
  const seen: Message[] = []
  await session.subscribe(filter, { onMessage: (message) => void seen.push(message) })
  return seen
}

/** Asks for the id of a topic. */
async function idOf(publisher: RawClient, topic: string): Promise<number> {
  publisher.send((writer) => writeTopicRequest(writer, topic))
  return readTopic(cursorOf(await publisher.next(FrameType.TOPIC))).topicId
}

describe('subscriptions', () => {
  test.each([
    ['sport/tennis', ['sport/tennis']],
    ['sport/+', ['sport/tennis', 'sport/golf']],
    ['+/tennis', ['sport/tennis']],
    ['sport/#', ['sport', 'sport/tennis', 'sport/golf', 'sport/golf/open']],
    ['#', ['sport', 'sport/tennis', 'sport/golf', 'sport/golf/open', 'news']],
    ['sport/+/open', ['sport/golf/open']],
  ])('%s gets what it matches and nothing else', async (filter, expected) => {
    const broker = await start()
    const [publisher, subscriber] = [await client(broker), await client(broker)]
    const seen = await collect(subscriber, filter)
    for (const topic of ['sport', 'sport/tennis', 'sport/golf', 'sport/golf/open', 'news']) {
      publisher.publish(topic, bytes(topic))
    }
    await publisher.flush()
    await subscriber.flush()
    expect(seen.map((message) => message.topic)).toEqual(expected)
    expect(seen.map((message) => message.text())).toEqual(expected)
  })

  test('a connection is sent a message once, however many of its filters match', async () => {
    const broker = await start()
    const subscriber = await raw(broker)
    for (const filter of ['a/b', 'a/+', '#'])
      await subscriber.command((writer) => writeSubscribe(writer, filter))
    const publisher = await client(broker)
    publisher.publish('a/b', bytes('x'))
    await publisher.flush()
    await subscriber.next(FrameType.PUBLISH_NAMED)
    expect(broker.stats()).toMatchObject({ published: 1, delivered: 1, subscriptions: 3 })
  })

  test('an ended subscription gets nothing more', async () => {
    const broker = await start()
    const [publisher, subscriber] = [await client(broker), await client(broker)]
    const seen = await collect(subscriber, 'a')
    publisher.publish('a', bytes('1'))
    await publisher.flush()
    await subscriber.unsubscribe('a')
    publisher.publish('a', bytes('2'))
    await publisher.flush()
    await subscriber.flush()
    expect(seen.map((message) => message.text())).toEqual(['1'])
    expect(broker.stats()).toMatchObject({ subscriptions: 0, delivered: 1 })
  })

  test('headers and large payloads come as they were sent', async () => {
    const broker = await start()
    const [publisher, subscriber] = [await client(broker), await client(broker)]
    const seen = await collect(subscriber, 'files')
    const payload = new Uint8Array(900_000).map((_, index) => index * 7)
    publisher.publish('files', payload, { headers: { name: 'größe', empty: '' } })
    await until(() => seen.length === 1)
    expect({ ...seen[0]!.headers }).toEqual({ name: 'größe', empty: '' })
    expect(Buffer.compare(seen[0]!.payload, payload)).toBe(0)
  })

  test('all messages of many publishers on many topics come in the order of each', async () => {
    const broker = await start()
    const subscriber = await client(broker)
    const seen = await collect(subscriber, 'load/#')
    const publishers = await Promise.all([client(broker), client(broker), client(broker)])
    for (let number = 0; number < 3_000; number++) {
      for (const [index, publisher] of publishers.entries()) {
        publisher.publish(`load/${index}/${number % 5}`, bytes(String(number)))
      }
      if (number % 100 === 0) await publishers[0].flush()
    }
    await until(() => seen.length === 9_000)
    const last = new Map<string, number>()
    for (const message of seen) {
      const number = Number(message.text())
      expect(number).toBeGreaterThan(last.get(message.topic) ?? -1)
      last.set(message.topic, number)
    }
    expect(last.size).toBe(15)
  })
})

describe('topic ids', () => {
  test('a run of frames reaches the subscriber byte for byte, after the id of its topic', async () => {
    const broker = await start()
    const [publisher, subscriber] = [await raw(broker), await raw(broker)]
    await subscriber.command((writer) => writeSubscribe(writer, 'a/+'))
    const id = await idOf(publisher, 'a/b')
    for (let number = 0; number < 500; number++) {
      publisher.send((writer) => {
        writePublish(writer, id, undefined, bytes(`message ${number}`))
        writePublish(writer, id, { n: String(number) }, new Uint8Array(number))
      })
    }
    const topic = await subscriber.next(FrameType.TOPIC)
    expect(readTopic(cursorOf(topic))).toEqual({ topicId: id, topic: 'a/b' })
    for (let number = 0; number < 500; number++) {
      const [plain, headed] = [
        await subscriber.next(FrameType.PUBLISH),
        await subscriber.next(FrameType.PUBLISH),
      ]
      expect(Buffer.from(plain.bytes.subarray(plain.start + 6, plain.end)).toString()).toBe(
        `message ${number}`,
      )
      const name = headed.bytes.subarray(headed.start + 6, headed.start + 8)
      expect(Buffer.from(name).toString()).toBe('\u0001n')
      expect(headed.end - headed.start).toBe(6 + 4 + String(number).length + number)
    }
    expect(subscriber.frames).toEqual([])
  })

  test('two publishers of one topic share its id; another topic has another', async () => {
    const broker = await start()
    const [one, two] = [await raw(broker), await raw(broker)]
    const id = await idOf(one, 'a')
    expect(await idOf(two, 'a')).toBe(id)
    expect(await idOf(two, 'b')).not.toBe(id)
    expect(broker.stats().topics).toBe(2)
  })

  test('a broker out of ids does not answer, and names go on', async () => {
    const broker = await start({ maxTopics: 1 })
    const [publisher, subscriber] = [await raw(broker), await raw(broker)]
    await subscriber.command((writer) => writeSubscribe(writer, '#'))
    await idOf(publisher, 'a')
    publisher.send((writer) => {
      writeTopicRequest(writer, 'b')
      writePublishNamed(writer, 'b', undefined, bytes('x'))
    })
    expect(cursorOf(await subscriber.next(FrameType.PUBLISH_NAMED)).str16()).toBe('b')
    expect(publisher.frames).toEqual([])
  })
})

describe('slow and frozen subscribers', () => {
  const limits = { highWaterBytes: 65_536, maxStallMs: 80 }

  test('a frozen one holds its publishers back for a moment, then misses messages and is told how many', async () => {
    const broker = await start(limits)
    const [publisher, frozen, good] = [await raw(broker), await raw(broker), await raw(broker)]
    for (const subscriber of [frozen, good]) await subscriber.command((writer) => writeSubscribe(writer, 'a'))
    frozen.socket.pause()
    const id = await idOf(publisher, 'a')
    const payload = new Uint8Array(8_192)
    let sent = 0
    // Beyond what the sockets of the system hold.
    while (broker.stats().dropped === 0) {
      for (let number = 0; number < 64; number++)
        publisher.send((writer) => writePublish(writer, id, undefined, payload))
      sent += 64
      await until(() => broker.stats().published === sent)
    }
    await until(() => broker.stats().delivered + broker.stats().dropped === 2 * sent)
    const missed = broker.stats().dropped
    frozen.socket.resume()
    const dropped = readDropped(cursorOf(await frozen.next(FrameType.DROPPED)))
    expect(dropped).toBe(missed)
    expect(frozen.frames.filter((frame) => frame.type === FrameType.PUBLISH).length).toBe(sent - missed)
    await until(() => good.frames.filter((frame) => frame.type === FrameType.PUBLISH).length === sent)
    // Caught up: it gets messages again.
    publisher.send((writer) => writePublish(writer, id, undefined, bytes('fresh')))
    await frozen.take(
      (frame) => frame.type === FrameType.PUBLISH && frame.end - frame.start === 11,
      'the fresh one',
    )
  })

  test('a slow one that keeps reading gets everything: its publisher waits', async () => {
    const broker = await start({ highWaterBytes: 65_536, maxStallMs: 10_000 })
    const [publisher, slow] = [await raw(broker), await raw(broker)]
    await slow.command((writer) => writeSubscribe(writer, 'a'))
    const id = await idOf(publisher, 'a')
    const payload = new Uint8Array(16_384)
    let turns = 0
    const timer = setInterval(() => (turns++ % 2 === 0 ? slow.socket.pause() : slow.socket.resume()), 5)
    for (let number = 0; number < 1_500; number++)
      publisher.send((writer) => writePublish(writer, id, undefined, payload))
    await until(() => slow.frames.filter((frame) => frame.type === FrameType.PUBLISH).length === 1_500)
    clearInterval(timer)
    expect(broker.stats().dropped).toBe(0)
  })

  test('the end of a frozen one lets its publishers go', async () => {
    const broker = await start({ highWaterBytes: 65_536, maxStallMs: 60_000 })
    const [publisher, frozen] = [await raw(broker), await raw(broker)]
    await frozen.command((writer) => writeSubscribe(writer, 'a'))
    frozen.socket.pause()
    const id = await idOf(publisher, 'a')
    const payload = new Uint8Array(65_536)
    for (let number = 0; number < 400; number++)
      publisher.send((writer) => writePublish(writer, id, undefined, payload))
    await until(() => publisher.socket.writableLength > 0 && broker.stats().delivered > 10)
    frozen.close()
    await until(() => broker.stats().published === 400)
  })

  test('a client that reads no answers at all is closed at its limit', async () => {
    const broker = await start({ ...limits, maxPayloadBytes: 65_536, maxOutboundBytes: 262_144 })
    const [asker, server] = [await raw(broker), await client(broker)]
    await server.serve('big', () => new Uint8Array(60_000), { concurrency: 10_000 })
    asker.socket.pause()
    for (let number = 1; number <= 600; number++) {
      asker.send((writer) => writeRequest(writer, number, 5_000, 0, 'big', undefined, new Uint8Array(0)))
    }
    await until(() => broker.stats().overrun === 1)
    expect(broker.stats().connections).toBe(1)
  })
})
