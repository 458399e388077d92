import { FrameReader, FrameType, FrameWriter, writePublish } from '@aether/wire'
import { describe, expect, test } from 'vitest'
import type { Connection } from '../../src/connection/connection.ts'
import { Forwarding } from '../../src/pubsub/forwarding.ts'
import { Interest } from '../../src/pubsub/interest.ts'
import { Stalls } from '../../src/pubsub/stalls.ts'
import { Topics } from '../../src/pubsub/topics.ts'
import { cursorOf, type RawFrame } from '../raw-client.ts'

/** As much of a connection as topics and forwarding look at. */
function fakeConnection(): Connection {
  const fake = {
    out: new FrameWriter(),
    touch() {},
    maxFrameBytes: 1_000_000,
    flightBytes: 0,
    waitingBytes: 0,
    holds: 0,
  }
  return fake as unknown as Connection
}

function sentTo(connection: Connection): RawFrame[] {
  const frames: RawFrame[] = []
  const reader = new FrameReader({
    onFrame: (type, bytes, start, end) => void frames.push({ type, bytes, start, end }),
  })
  for (const chunk of connection.out.take()) reader.push(chunk)
  return frames
}

function setup(maxTopics: number = 100) {
  const interest = new Interest()
  const topics = new Topics(interest, maxTopics, { now: 0, sweepMs: 100 })
  const stalls = new Stalls(100, () => 0)
  const forwarding = new Forwarding(topics, interest, stalls, {
    maxPayloadBytes: 1_000,
    highWaterBytes: 1_000_000,
  })
  return { interest, topics, forwarding }
}

function publishFrame(id: number, payload: string): Uint8Array {
  const writer = new FrameWriter()
  writePublish(writer, id, { h: 'v' }, Buffer.from(payload))
  return Buffer.concat(writer.take())
}

describe('sweep', () => {
  test('drops the id of a topic whose publishers are gone and which nobody uses', () => {
    const { topics } = setup()
    const [publisher, other] = [fakeConnection(), fakeConnection()]
    topics.request('a', publisher)
    topics.request('b', other)
    topics.forget(publisher)
    topics.run(100)
    expect(topics.size).toBe(2)
    topics.run(200)
    expect(topics.get(1)?.retired).toBe(true)
    expect(topics.get(2)?.retired).toBe(false)
    topics.run(300)
    expect(topics.get(1)).toBeUndefined()
    expect(topics.size).toBe(1)
  })

  test('tells all who know the id, and never gives it out again', () => {
    const { interest, topics } = setup()
    const [publisher, subscriber] = [fakeConnection(), fakeConnection()]
    interest.add('a', subscriber)
    topics.request('a', publisher)
    topics.subscribers(topics.get(1)!)
    topics.forget(publisher)
    topics.run(100)
    topics.run(200)
    expect(sentTo(subscriber).map((frame) => frame.type)).toEqual([FrameType.TOPIC, FrameType.TOPIC_DROP])
    topics.request('a', publisher)
    expect(topics.get(2)?.name).toBe('a')
  })

  test('keeps an id that is used, though its publisher never asked for it', () => {
    const { interest, topics } = setup()
    const [publisher, subscriber] = [fakeConnection(), fakeConnection()]
    interest.add('a', subscriber)
    topics.request('a', publisher)
    topics.forget(publisher)
    for (let time = 100; time < 1_000; time += 100) {
      topics.subscribers(topics.get(1)!)
      topics.run(time)
    }
    expect(topics.get(1)?.retired).toBe(false)
  })

  test('takes unused ids from their publishers when ids run short', () => {
    const { topics } = setup(4)
    const publisher = fakeConnection()
    for (const name of ['a', 'b', 'c', 'd', 'e']) topics.request(name, publisher)
    expect(topics.size).toBe(4)
    topics.run(100)
    topics.run(200)
    topics.run(300)
    expect(topics.size).toBe(0)
    topics.request('e', publisher)
    expect(topics.get(5)?.name).toBe('e')
  })

  test('has nothing due while there is no topic', () => {
    const { topics } = setup()
    expect(topics.nextDueAt()).toBe(Infinity)
    topics.request('a', fakeConnection())
    expect(topics.nextDueAt()).toBe(100)
  })
})

test('a message that was under way when its id was dropped arrives by name; later it is nobody’s', () => {
  const { interest, topics, forwarding } = setup()
  const [publisher, subscriber] = [fakeConnection(), fakeConnection()]
  interest.add('a', subscriber)
  topics.request('a', publisher)
  topics.forget(publisher)
  topics.run(100)
  topics.run(200)
  const chunk = Buffer.concat([publishFrame(1, 'one'), publishFrame(1, 'two')])
  const send = (): void => {
    new FrameReader({
      onFrame: (_type, bytes, start, end) => forwarding.publish(publisher, bytes, start, end),
    }).push(chunk)
    forwarding.flush()
  }
  send()
  const frames = sentTo(subscriber)
  expect(frames.map((frame) => frame.type)).toEqual([FrameType.PUBLISH_NAMED, FrameType.PUBLISH_NAMED])
  for (const [index, payload] of ['one', 'two'].entries()) {
    const cursor = cursorOf(frames[index]!)
    expect(cursor.str16()).toBe('a')
    expect(cursor.u16()).toBe(5)
    expect(Buffer.from(cursor.bytes.subarray(cursor.position + 5, cursor.end)).toString()).toBe(payload)
  }
  topics.run(300)
  send()
  expect(sentTo(subscriber)).toEqual([])
})
