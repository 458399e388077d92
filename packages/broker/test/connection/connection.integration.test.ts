import {
  FrameType,
  readGoodbye,
  readWelcome,
  writePing,
  writePublishNamed,
  writeRequest,
  writeServe,
  writeSubscribe,
  writeTopicRequest,
} from '@aether/wire'
import { connect } from '@aether/wire/tcp'
import { describe, expect, test } from 'vitest'
import { cursorOf, RawClient } from '../raw-client.ts'
import { brokers, until } from '../running-broker.ts'

const { start, raw } = brokers()

/** A frame by hand: what no encoder would write. */
function frame(type: number, ...fields: number[]): Uint8Array {
  return Uint8Array.of(0, 0, 0, fields.length + 1, type, ...fields)
}

describe('greeting', () => {
  test('answers HELLO with its name, version, limits and heartbeat', async () => {
    const broker = await start({ name: 'tester', heartbeatMs: 1_234, maxPayloadBytes: 1_000 })
    const client = await RawClient.open(broker.address)
    client.hello()
    const welcome = readWelcome(cursorOf(await client.next(FrameType.WELCOME)))
    expect(welcome).toMatchObject({ version: 1, broker: 'tester', heartbeatMs: 1_234, maxFrameBytes: 66_536 })
    expect(welcome.brokerVersion).toMatch(/^\d+\.\d+\.\d+/)
    client.close()
  })

  test('refuses what is not the protocol', async () => {
    const broker = await start()
    const client = await RawClient.open(broker.address)
    client.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await client.failure()).toMatchObject({ code: 'ERR_AETHER_FRAME_INVALID' })
  })

  test.each([
    ['another frame first', frame(FrameType.PING, 0, 0, 0, 1)],
    ['a publish first', frame(FrameType.PUBLISH, 0, 0, 0, 1, 0, 0)],
    ['a HELLO without magic', frame(FrameType.HELLO, 1, 2, 3, 4, 1, 1)],
    ['a truncated HELLO', frame(FrameType.HELLO, 0x41, 0x45, 0x54, 0x48, 1, 1, 0)],
  ])('refuses %s', async (_name, bytes) => {
    const broker = await start()
    const client = await RawClient.open(broker.address)
    client.socket.write(bytes)
    expect(await client.failure()).toMatchObject({ code: 'ERR_AETHER_FRAME_INVALID' })
  })

  test('says which versions there are when none fits', async () => {
    const broker = await start()
    const client = await RawClient.open(broker.address)
    client.hello({ minVersion: 7, maxVersion: 9 })
    const error = await client.failure()
    expect(error).toMatchObject({ code: 'ERR_AETHER_PROTOCOL_VERSION' })
    expect(error.message).toContain('7 to 9')
  })

  test.each(['', 'wrong', 'secret ', 'secre'])(
    'refuses the token %j where it asks for another',
    async (token) => {
      const logged: unknown[] = []
      const log = (...said: unknown[]): void => void logged.push(said)
      const broker = await start({
        token: 'secret',
        logger: { debug: log, info: log, warn: log, error: log },
      })
      const client = await RawClient.open(broker.address)
      client.hello({ token })
      expect(await client.failure()).toMatchObject({ code: 'ERR_AETHER_TOKEN_REFUSED' })
      expect(client.frames).toEqual([])
      expect(broker.stats()).toMatchObject({ connections: 0, broken: 1 })
      expect(JSON.stringify(logged)).not.toContain('secret')
    },
  )

  test('welcomes the right token, and any where it asks for none', async () => {
    for (const token of ['secret', 'größer']) {
      const broker = await start({ token })
      const client = await connect(broker.url, { token })
      await client.close()
    }
    const client = await connect((await start()).url, { token: 'whatever' })
    await client.close()
  })

  test('a client whose token is refused does not try again', async () => {
    const broker = await start({ token: 'secret' })
    await expect(connect(broker.url, { token: 'old' })).rejects.toMatchObject({
      code: 'ERR_AETHER_TOKEN_REFUSED',
    })
    expect(broker.stats().accepted).toBe(1)
  })

  test('ends a connection that says nothing within its time', async () => {
    const broker = await start({ handshakeTimeoutMs: 30 })
    const client = await RawClient.open(broker.address)
    expect(await client.failure()).toMatchObject({ code: 'ERR_AETHER_CONNECT_TIMEOUT' })
    await until(() => broker.stats().connections === 0)
  })

  test('turns away one connection more than the limit, and takes one again later', async () => {
    const broker = await start({ maxConnections: 1 })
    const first = await raw(broker)
    const second = await RawClient.open(broker.address)
    expect(await second.failure()).toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
    first.close()
    await until(() => broker.stats().connections === 0)
    await raw(broker)
    expect(broker.stats()).toMatchObject({ connections: 1, turnedAway: 1 })
  })
})

describe('broken frames', () => {
  test.each([
    ['an unknown type', frame(0x7f), 'ERR_AETHER_FRAME_UNKNOWN'],
    ['a frame that only a broker sends', frame(FrameType.WELCOME), 'ERR_AETHER_FRAME_UNKNOWN'],
    ['a second HELLO', frame(FrameType.HELLO, 0x41, 0x45, 0x54, 0x48), 'ERR_AETHER_FRAME_UNKNOWN'],
    ['a length of zero', Uint8Array.of(0, 0, 0, 0), 'ERR_AETHER_FRAME_INVALID'],
    ['a length over the limit', Uint8Array.of(0x7f, 0xff, 0xff, 0xff), 'ERR_AETHER_FRAME_TOO_LARGE'],
    ['a truncated command', frame(FrameType.SUBSCRIBE, 0, 9, 65), 'ERR_AETHER_FRAME_INVALID'],
    ['a command with more behind it', frame(FrameType.SUBSCRIBE, 0, 1, 65, 66), 'ERR_AETHER_FRAME_INVALID'],
    ['a truncated PUBLISH', frame(FrameType.PUBLISH, 0, 0, 0, 1, 0), 'ERR_AETHER_FRAME_INVALID'],
    ['headers past their frame', frame(FrameType.PUBLISH, 0, 0, 0, 1, 0, 9), 'ERR_AETHER_FRAME_INVALID'],
    [
      'a header past the headers',
      frame(FrameType.PUBLISH, 0, 0, 0, 1, 0, 2, 9, 9),
      'ERR_AETHER_FRAME_INVALID',
    ],
    ['an id that nobody was given', frame(FrameType.PUBLISH, 0, 0, 0, 99, 0, 0), 'ERR_AETHER_FRAME_INVALID'],
    ['a SEND on an unknown route', frame(FrameType.SEND, 0, 0, 0, 9, 0, 0, 0, 1), 'ERR_AETHER_FRAME_INVALID'],
    [
      'a CONSUME without credit',
      frame(FrameType.CONSUME, ...Array.from({ length: 23 }, () => 0)),
      'ERR_AETHER_FRAME_INVALID',
    ],
  ])('%s ends the connection with a code, and disturbs nobody else', async (_name, bytes, code) => {
    const broker = await start()
    const [other, broken] = [await raw(broker, 'other'), await raw(broker, 'broken')]
    await other.command((writer) => writeSubscribe(writer, 'news/#'))
    broken.send((writer) => writePublishNamed(writer, 'news/before', undefined, Buffer.from('still good')))
    broken.socket.write(bytes)
    expect(await broken.failure()).toMatchObject({ code })
    const publisher = await raw(broker, 'publisher')
    publisher.send((writer) => writePublishNamed(writer, 'news/after', undefined, Buffer.from('hello')))
    for (const topic of ['news/before', 'news/after']) {
      expect(cursorOf(await other.next(FrameType.PUBLISH_NAMED)).str16()).toBe(topic)
    }
    expect(broker.stats()).toMatchObject({ connections: 2, broken: 1 })
  })

  test('a length over the limit is refused before anything of the frame is there', async () => {
    const broker = await start({ maxPayloadBytes: 1_000 })
    const client = await raw(broker)
    client.socket.write(Uint8Array.of(0, 2, 0, 0))
    expect(await client.failure()).toMatchObject({ code: 'ERR_AETHER_FRAME_TOO_LARGE' })
  })

  test('a payload over the limit is refused though its frame would fit', async () => {
    const broker = await start({ maxPayloadBytes: 1_000 })
    const client = await raw(broker)
    client.send((writer) => writePublishNamed(writer, 'a', undefined, new Uint8Array(1_001)))
    const error = await client.failure()
    expect(error).toMatchObject({ code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' })
    expect(error.message).toContain('1001')
  })

  test.each(['a b', 'a/+', 'a/#', '', '$broker/x', 'a\u0000b'])(
    'an illegal topic %j ends a publisher',
    async (topic) => {
      const broker = await start()
      const client = await raw(broker)
      client.send((writer) => writePublishNamed(writer, topic, undefined, new Uint8Array(1)))
      expect(await client.failure()).toMatchObject({ code: 'ERR_AETHER_TOPIC_INVALID' })
    },
  )

  test.each(['a b', 'a/#', '', '$broker/stats'])('an illegal topic %j gets no id', async (topic) => {
    const broker = await start()
    const client = await raw(broker)
    client.send((writer) => writeTopicRequest(writer, topic))
    expect(await client.failure()).toMatchObject({ code: 'ERR_AETHER_TOPIC_INVALID' })
    expect(broker.stats()).toMatchObject({ topics: 0 })
  })

  test.each(['a b', 'a+', '#/a', '', '$broker/stats'])(
    'an illegal filter %j is refused, and the connection goes on',
    async (filter) => {
      const broker = await start()
      const client = await raw(broker)
      const refused = client.command((writer) => writeSubscribe(writer, filter))
      await expect(refused).rejects.toMatchObject({ code: 'ERR_AETHER_TOPIC_INVALID' })
      await client.command((writer) => writeSubscribe(writer, 'a/b'))
      expect(broker.stats()).toMatchObject({ subscriptions: 1, commandsRefused: 1 })
    },
  )
})

describe('heartbeats', () => {
  test('PING is answered after everything before it', async () => {
    const broker = await start()
    const client = await raw(broker)
    await client.command((writer) => writeSubscribe(writer, 'a'))
    client.send((writer) => {
      writePublishNamed(writer, 'a', undefined, Buffer.from('x'))
      writePing(writer, 77)
    })
    await client.next(FrameType.PONG)
    expect(client.frames.map((seen) => seen.type)).toEqual([FrameType.PUBLISH_NAMED])
  })

  test('a silent connection is asked, and ended when it stays silent', async () => {
    const broker = await start({ heartbeatMs: 40 })
    const client = await raw(broker)
    await client.next(FrameType.PING)
    await client.closed()
    await until(() => broker.stats().lost === 1)
  })

  test('one that answers stays', async () => {
    const broker = await start({ heartbeatMs: 250 })
    const client = await raw(broker)
    for (let round = 0; round < 4; round++) {
      await client.next(FrameType.PING)
      client.send((writer) => writePing(writer, 1))
    }
    expect(client.isClosed).toBe(false)
    expect(broker.stats().lost).toBe(0)
  })
})

describe('draining', () => {
  test('does not wait for a reply to one that is gone', async () => {
    const broker = await start()
    const [server, asker] = [await raw(broker), await raw(broker)]
    await server.command((writer) => writeServe(writer, 'slow', 1))
    asker.send((writer) => {
      writeRequest(writer, 1, 60_000, 0, 'slow', undefined, new Uint8Array(0))
      writeRequest(writer, 2, 60_000, 0, 'slow', undefined, new Uint8Array(0))
    })
    await server.next(FrameType.REQUEST)
    const begun = performance.now()
    const drained = broker.drain({ graceMs: 30_000 })
    await server.next(FrameType.GOODBYE)
    expect(broker.state.status).toBe('closing')
    asker.close()
    await drained
    expect(performance.now() - begun).toBeLessThan(10_000)
  })

  test('says GOODBYE, refuses newcomers and ends', async () => {
    const broker = await start()
    const client = await raw(broker)
    const late = await RawClient.open(broker.address)
    await until(() => broker.stats().connections === 2)
    const drained = broker.drain({ graceMs: 1_000 })
    expect(readGoodbye(cursorOf(await client.next(FrameType.GOODBYE)))).toBe('draining')
    expect(await late.failure()).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
    await client.closed()
    await drained
    expect(broker.state.status).toBe('closed')
  })
})
