import {
  FrameType,
  readReply,
  readReplyError,
  ReplyFrame,
  type WireError,
  writeReply,
  writeRequest,
  writeServe,
} from '@aether/wire'
import { connect } from '@aether/wire/tcp'
import { describe, expect, test } from 'vitest'
import { cursorOf, type RawClient } from '../raw-client.ts'
import { brokers, until } from '../running-broker.ts'

const { start, raw, client } = brokers()
const bytes = (text: string): Uint8Array => Buffer.from(text)

async function replyError(asker: RawClient): Promise<{ correlation: number; error: WireError }> {
  const cursor = cursorOf(await asker.next(FrameType.REPLY))
  const reply = new ReplyFrame()
  readReply(cursor, reply)
  return { correlation: reply.correlation, error: readReplyError(cursor) }
}

describe('request and reply', () => {
  test('each reply goes to its own requester, headers and all', async () => {
    const broker = await start()
    const [server, ...askers] = await Promise.all([
      client(broker),
      client(broker),
      client(broker),
      client(broker),
    ])
    await server.serve('echo', (request) => ({
      payload: bytes(`re: ${request.text()}`),
      headers: request.headers,
    }))
    const all = askers.flatMap((asker, who) =>
      Array.from({ length: 300 }, async (_, number) => {
        const reply = await asker.request('echo', bytes(`${who} ${number}`), {
          headers: { n: String(number) },
        })
        expect(reply.text()).toBe(`re: ${who} ${number}`)
        expect(reply.headers['n']).toBe(String(number))
      }),
    )
    await Promise.all(all)
    expect(broker.stats()).toMatchObject({ requests: 900, requestsPending: 0 })
  })

  test('large requests and replies', async () => {
    const broker = await start()
    const [server, asker] = [await client(broker), await client(broker)]
    await server.serve('copy', (request) => request.payload)
    const payload = new Uint8Array(1_000_000).map((_, index) => index)
    const reply = await asker.request('copy', payload)
    expect(Buffer.compare(reply.payload, payload)).toBe(0)
  })

  test('what is longer than its receiver accepts is refused to who asked, and ends no connection', async () => {
    const broker = await start()
    const small = await connect(broker.url, { maxFrameBytes: 70_000 })
    const big = await client(broker)
    await small.serve('small', () => bytes('fits'), { concurrency: 1 })
    await big.serve('big', (request) => new Uint8Array(Number(request.text())))
    const tooLarge = { code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' }
    // The second one has waited for the first one's credit.
    const asked = [70_000, 70_000, 60_000].map((size) => big.request('small', new Uint8Array(size)))
    expect(await Promise.allSettled(asked)).toMatchObject([
      { reason: tooLarge },
      { reason: tooLarge },
      { status: 'fulfilled' },
    ])
    await expect(small.request('big', bytes('70000'))).rejects.toMatchObject(tooLarge)
    // Type, correlation, status and headers of a REPLY take 8 bytes.
    expect((await small.request('big', bytes(String(70_000 - 8)))).payload).toHaveLength(70_000 - 8)
    await expect(small.request('big', bytes(String(70_000 - 7)))).rejects.toMatchObject(tooLarge)
    expect(small.state).toMatchObject({ generation: 1 })
    expect(broker.stats()).toMatchObject({ requestsPending: 0, broken: 0 })
    await small.close()
  })

  test('a request that waited for credit and fits nobody lets those behind it go', async () => {
    const broker = await start()
    const small = await connect(broker.url, { maxFrameBytes: 70_000 })
    const asker = await client(broker)
    let go!: () => void
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    await small.serve('small', () => gate.then(() => bytes('fits')), { concurrency: 1 })
    const asked = [1, 80_000, 80_000, 1].map((size) => asker.request('small', new Uint8Array(size)))
    await until(() => broker.stats().requestsPending === 4)
    go()
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ])
    expect(broker.stats()).toMatchObject({ requestsPending: 0 })
    await small.close()
  })

  test('requests that wait for somebody with room take so many bytes and no more', async () => {
    const small = { maxPayloadBytes: 100_000, highWaterBytes: 100_000, maxOutboundBytes: 200_000 }
    const broker = await start(small)
    const [server, asker] = [await client(broker), await client(broker)]
    let go!: () => void
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    await server.serve('slow', () => gate.then(() => bytes('done')), { concurrency: 1 })
    const ask = (): Promise<string> =>
      asker.request('slow', new Uint8Array(60_000)).then(
        (reply) => reply.text(),
        (error: WireError) => error.code,
      )
    const asked = Array.from({ length: 6 }, ask)
    const refused = 'ERR_AETHER_QUEUE_FULL'
    expect(await Promise.all(asked.slice(4))).toEqual([refused, refused])
    go()
    expect(await Promise.all(asked.slice(0, 4))).toEqual(['done', 'done', 'done', 'done'])
    expect(await Promise.all(Array.from({ length: 4 }, ask))).toEqual(['done', 'done', 'done', 'done'])
    expect(broker.stats()).toMatchObject({ requestsPending: 0 })
  })

  test('nobody serves', async () => {
    const broker = await start()
    const asker = await client(broker)
    await expect(asker.request('nowhere', bytes(''))).rejects.toMatchObject({
      code: 'ERR_AETHER_RESPONDERS_NONE',
    })
    const serving = await asker.serve('here', () => bytes('yes'))
    expect((await asker.request('here', bytes(''))).text()).toBe('yes')
    await serving.close()
    await expect(asker.request('here', bytes(''))).rejects.toMatchObject({
      code: 'ERR_AETHER_RESPONDERS_NONE',
    })
  })

  test('no reply in time, and a reply too late', async () => {
    const broker = await start()
    const [server, asker] = [await raw(broker), await raw(broker)]
    await server.command((writer) => writeServe(writer, 'slow', 1))
    asker.send((writer) => writeRequest(writer, 5, 40, 0, 'slow', undefined, bytes('?')))
    const request = cursorOf(await server.next(FrameType.REQUEST)).u32()
    const { correlation, error } = await replyError(asker)
    expect(correlation).toBe(5)
    expect(error).toMatchObject({ code: 'ERR_AETHER_REQUEST_TIMEOUT' })
    server.send((writer) => writeReply(writer, request, undefined, bytes('late')))
    // Its credit is back, and the late reply is nobody's.
    asker.send((writer) => writeRequest(writer, 6, 5_000, 0, 'slow', undefined, bytes('?')))
    const again = cursorOf(await server.next(FrameType.REQUEST)).u32()
    expect(again).not.toBe(request)
    server.send((writer) => writeReply(writer, again, undefined, bytes('in time')))
    const cursor = cursorOf(await asker.next(FrameType.REPLY))
    expect(cursor.u32()).toBe(6)
    expect(asker.frames).toEqual([])
    expect(broker.stats()).toMatchObject({ requestsTimedOut: 1, requestsPending: 0 })
  })

  test('whoever served it is gone', async () => {
    const broker = await start()
    const [server, asker] = [await raw(broker), await raw(broker)]
    await server.command((writer) => writeServe(writer, 'a', 10))
    asker.send((writer) => {
      for (let number = 1; number <= 3; number++)
        writeRequest(writer, number, 5_000, 0, 'a', undefined, bytes('?'))
    })
    await server.next(FrameType.REQUEST)
    server.close()
    for (let number = 1; number <= 3; number++) {
      const { correlation, error } = await replyError(asker)
      expect(correlation).toBe(number)
      expect(error).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST' })
    }
    expect(broker.stats().requestsPending).toBe(0)
  })

  test('nobody may answer for another', async () => {
    const broker = await start()
    const [server, asker, thief] = [await raw(broker), await raw(broker), await raw(broker)]
    await server.command((writer) => writeServe(writer, 'a', 10))
    asker.send((writer) => writeRequest(writer, 1, 5_000, 0, 'a', undefined, bytes('?')))
    const request = cursorOf(await server.next(FrameType.REQUEST)).u32()
    thief.send((writer) => writeReply(writer, request, undefined, bytes('stolen')))
    await thief.command((writer) => writeServe(writer, 'b', 1))
    server.send((writer) => writeReply(writer, request, undefined, bytes('mine')))
    const reply = await asker.next(FrameType.REPLY)
    expect(Buffer.from(reply.bytes.subarray(reply.end - 4, reply.end)).toString()).toBe('mine')
  })

  test('requests wait for credit, in order, and those with most of it get the next', async () => {
    const broker = await start()
    const [small, large, asker] = [await raw(broker), await raw(broker), await raw(broker)]
    await small.command((writer) => writeServe(writer, 'a', 1))
    await large.command((writer) => writeServe(writer, 'a', 3))
    asker.send((writer) => {
      for (let number = 1; number <= 6; number++)
        writeRequest(writer, number, 5_000, 0, 'a', undefined, bytes(String(number)))
    })
    const text = async (server: RawClient): Promise<[number, string]> => {
      const frame = await server.next(FrameType.REQUEST)
      return [cursorOf(frame).u32(), Buffer.from(frame.bytes.subarray(frame.end - 1, frame.end)).toString()]
    }
    const taken = [await text(large), await text(large), await text(large)]
    const one = await text(small)
    const numbers = [...taken.map((each) => each[1]), one[1]]
    expect(numbers.toSorted()).toEqual(['1', '2', '3', '4'])
    expect(taken[0]![1]).toBe('1')
    expect([small.frames.length, large.frames.length]).toEqual([0, 0])
    small.send((writer) => writeReply(writer, one[0], undefined, bytes('done')))
    expect((await text(small))[1]).toBe('5')
    large.send((writer) => writeReply(writer, taken[0]![0], undefined, bytes('done')))
    expect((await text(large))[1]).toBe('6')
  })

  test('more requests than may wait are refused', async () => {
    const broker = await start({ maxRequests: 2 })
    const [server, asker] = [await raw(broker), await raw(broker)]
    await server.command((writer) => writeServe(writer, 'a', 1))
    asker.send((writer) => {
      for (let number = 1; number <= 3; number++)
        writeRequest(writer, number, 5_000, 0, 'a', undefined, bytes('?'))
    })
    const { correlation, error } = await replyError(asker)
    expect(correlation).toBe(3)
    expect(error).toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
  })

  test('serving one topic twice on a connection is refused', async () => {
    const broker = await start()
    const server = await raw(broker)
    await server.command((writer) => writeServe(writer, 'a', 1))
    const again = server.command((writer) => writeServe(writer, 'a', 1))
    await expect(again).rejects.toMatchObject({ code: 'ERR_AETHER_HANDLER_DUPLICATE' })
  })
})

describe('what the broker itself answers', () => {
  test('$broker/stats', async () => {
    const broker = await start()
    const operator = await client(broker)
    const stats: unknown = JSON.parse((await operator.request('$broker/stats', bytes(''))).text())
    expect(stats).toMatchObject({ connections: 1, tasks: { open: 0 } })
  })

  test('nothing else under $', async () => {
    const broker = await start()
    const operator = await raw(broker)
    operator.send((writer) => writeRequest(writer, 1, 100, 0, '$broker/secrets', undefined, bytes('')))
    expect((await replyError(operator)).error).toMatchObject({ code: 'ERR_AETHER_RESPONDERS_NONE' })
    const serve = operator.command((writer) => writeServe(writer, '$broker/stats', 1))
    await expect(serve).rejects.toMatchObject({ code: 'ERR_AETHER_TOPIC_INVALID' })
  })
})

test('requests on a topic with an id go by it', async () => {
  const broker = await start()
  const [server, asker] = [await client(broker), await client(broker)]
  await server.serve('hot', (request) => request.payload)
  for (let number = 0; number < 50; number++) {
    expect((await asker.request('hot', bytes(String(number)))).text()).toBe(String(number))
  }
  await until(() => broker.stats().topics === 1)
})
