import { FrameType, FrameWriter, readError, writePing, writeSubscribe } from '@aether/wire'
import { describe, expect, test } from 'vitest'
import { clientFrames } from './client-frames.ts'
import { cursorOf, RawClient } from './raw-client.ts'
import { brokers, until } from './running-broker.ts'

const { start, raw } = brokers()

/** A broker that may not fail inside, whatever comes: its own failures are logged as errors, and these are kept. */
async function startWatched() {
  const failures: unknown[] = []
  const quiet = (): void => {}
  const error = (...said: unknown[]): void => void failures.push(said)
  return { failures, broker: await start({ logger: { debug: quiet, info: quiet, warn: quiet, error } }) }
}

/** The frame that `write` makes, cut after `size` bytes of fields, with a length that says so. */
function cut(whole: Uint8Array, size: number): Uint8Array {
  const bytes = Uint8Array.from(whole.subarray(0, 5 + size))
  new DataView(bytes.buffer).setUint32(0, 1 + size)
  return bytes
}

/** How a connection takes what was sent: with the code it ends with, or undefined where it goes on. */
async function taken(client: RawClient): Promise<string | undefined> {
  client.send((writer) => writePing(writer, 4_711))
  const last = await client.take(
    (frame) => frame.type === FrameType.PONG || frame.type === FrameType.ERROR,
    'PONG or ERROR',
  )
  return last.type === FrameType.ERROR ? readError(cursorOf(last)).code : undefined
}

describe('every frame of a client', () => {
  test.each(Object.entries(clientFrames))('%s, cut after each of its bytes', async (_name, write) => {
    const { broker, failures } = await startWatched()
    const writer = new FrameWriter()
    write(writer)
    const whole = Buffer.concat(writer.take())
    const codes = new Set<string | undefined>()
    for (let size = 0; size < whole.length - 5; size++) {
      const client = await RawClient.greeted(broker.address)
      client.socket.write(cut(whole, size))
      codes.add(await taken(client))
      client.close()
    }
    codes.delete(undefined)
    // A shorter name may be a bad one, a shorter block one of an unknown route: a code of its own all the same.
    for (const code of codes) expect(code).toMatch(/^ERR_AETHER_(FRAME|TOPIC|NAME)_INVALID$/)
    expect(codes).toContain('ERR_AETHER_FRAME_INVALID')
    expect(failures).toEqual([])
    await until(() => broker.stats().connections === 0)
    expect(broker.stats()).toMatchObject({ subscriptions: 0, requestsPending: 0 })
  })
})

describe('types that are not for a broker', () => {
  const known = new Set(Object.keys(clientFrames))
  const names = new Map(Object.entries(FrameType).map(([name, type]) => [type as number, name]))
  const takes = new Set(['PING', 'PONG', 'ERROR', 'GOODBYE'])
  const foreign = Array.from({ length: 256 }, (_, type) => type).filter((type) => {
    const name = names.get(type)
    return name === undefined || !(known.has(name) || takes.has(name))
  })

  test('there are as many as there should be: all but what a client may say', () => {
    // A second HELLO is among them. 4 are of the connection, 5 + 4 + 11 of the families.
    expect(known.size).toBe(5 + 4 + 11)
    expect(foreign).toHaveLength(256 - 4 - known.size)
  })

  test('each ends the connection with ERR_AETHER_FRAME_UNKNOWN', async () => {
    const { broker, failures } = await startWatched()
    for (const type of foreign) {
      const client = await RawClient.greeted(broker.address)
      client.socket.write(Uint8Array.of(0, 0, 0, 9, type, 0, 0, 0, 1, 0, 0, 0, 1))
      expect([type, (await client.failure()).code]).toEqual([type, 'ERR_AETHER_FRAME_UNKNOWN'])
    }
    expect(failures).toEqual([])
    expect(broker.stats()).toMatchObject({ broken: foreign.length, connections: 0 })
  })
})

describe('before HELLO', () => {
  test.each([
    ['a TLS hello', Buffer.from('16030100c8010000c40303aabbccdd', 'hex')],
    ['text', Buffer.from('hello broker, are you there?\r\n')],
    ['zeros', new Uint8Array(64)],
    ['ones', new Uint8Array(64).fill(255)],
    ['an MQTT CONNECT', Buffer.from('101000044d5154540402003c000474657374', 'hex')],
    ['a Redis PING', Buffer.from('*1\r\n$4\r\nPING\r\n')],
  ])('%s is told that this is another protocol', async (_name, bytes) => {
    const { broker, failures } = await startWatched()
    const client = await RawClient.open(broker.address)
    client.socket.write(bytes)
    expect((await client.failure()).code).toBe('ERR_AETHER_FRAME_INVALID')
    expect(failures).toEqual([])
    expect(broker.stats()).toMatchObject({ connections: 0, broken: 1 })
  })

  test('half a HELLO and then silence ends in time, and costs no more than it sent', async () => {
    const broker = await start({ handshakeTimeoutMs: 40 })
    const client = await RawClient.open(broker.address)
    client.socket.write(Uint8Array.of(0, 0x10, 0, 0, FrameType.HELLO, 0x41, 0x45, 0x54))
    expect((await client.failure()).code).toBe('ERR_AETHER_CONNECT_TIMEOUT')
    expect(broker.stats()).toMatchObject({ connections: 0, broken: 1 })
  })

  test('a HELLO that trickles in byte by byte does not stretch its time', async () => {
    const broker = await start({ handshakeTimeoutMs: 60 })
    const client = await RawClient.open(broker.address)
    const slow = setInterval(() => client.socket.write(Uint8Array.of(0)), 5)
    client.socket.write(Uint8Array.of(0, 0x10, 0, 0, FrameType.HELLO))
    expect((await client.failure()).code).toBe('ERR_AETHER_CONNECT_TIMEOUT')
    clearInterval(slow)
  })

  test('a connection that ends in the middle of a frame leaves nothing behind', async () => {
    const broker = await start()
    const client = await raw(broker)
    await client.command((writer) => writeSubscribe(writer, 'a/#'))
    client.socket.end(Uint8Array.of(0, 0, 1, 0, FrameType.SUBSCRIBE, 0))
    await until(() => broker.stats().connections === 0)
    expect(broker.stats()).toMatchObject({ subscriptions: 0 })
  })
})
