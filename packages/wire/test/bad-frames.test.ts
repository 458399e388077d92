import { afterEach, describe, expect, it } from 'vitest'
import { type Client, createClient, FrameType, FrameWriter, readError } from '../src/index.ts'
import { frameSamples } from './frame-samples.ts'
import { ScriptBroker, type ScriptConnection } from './support/script-broker.ts'

const clients: Client[] = []
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
})

async function welcomed(): Promise<ScriptConnection> {
  const broker = new ScriptBroker()
  const client = createClient({ dial: broker.dial, closeTimeoutMs: 0 })
  clients.push(client)
  await client.start()
  client.tasks({ onStatus: () => {}, onComplete: () => {}, onLost: () => {} })
  return broker.last
}

/** The code with which the client leaves, once it has read all that was said; undefined where it stays. */
async function leavesWith(connection: ScriptConnection): Promise<string | undefined> {
  connection.say((writer) => writer.append(Uint8Array.of(0, 0, 0, 5, FrameType.PING, 0, 0, 0, 1)))
  const answers = (): number => connection.of(FrameType.PONG).length + connection.of(FrameType.ERROR).length
  while (answers() === 0) await new Promise((resolve) => setImmediate(resolve))
  const error = connection.of(FrameType.ERROR)[0]
  return error === undefined ? undefined : readError(error.fields).code
}

const wholes = Object.entries(frameSamples).map(([name, sample]): [string, Uint8Array] => {
  const writer = new FrameWriter()
  sample.write(writer)
  return [name, Uint8Array.from(Buffer.concat(writer.take()))]
})
const typesOf = (name: string): number => FrameType[name.split(' ')[0] as keyof typeof FrameType]
const fromBroker = new Set<number>([
  FrameType.PUBLISH,
  FrameType.PUBLISH_NAMED,
  FrameType.TOPIC,
  FrameType.TOPIC_DROP,
  FrameType.DROPPED,
  FrameType.REQUEST,
  FrameType.REPLY,
  FrameType.ROUTE,
  FrameType.DELIVER,
  FrameType.STATUS,
  FrameType.COMPLETE,
  FrameType.REVOKE,
  FrameType.CONFIRM,
  FrameType.REFUSE,
  FrameType.DEDUPLICATED,
])
const aboutConnection = new Set<number>([
  FrameType.WELCOME,
  FrameType.PING,
  FrameType.PONG,
  FrameType.ERROR,
  FrameType.GOODBYE,
])

describe('a client whose broker sends', () => {
  it.each(wholes.filter(([name]) => fromBroker.has(typesOf(name))))(
    '%s, cut after each of its bytes, leaves with ERR_AETHER_FRAME_INVALID or goes on',
    async (_name, whole) => {
      const codes = new Set<string | undefined>()
      for (let size = 0; size < whole.length - 5; size++) {
        const connection = await welcomed()
        const cut = whole.slice(0, 5 + size)
        new DataView(cut.buffer).setUint32(0, 1 + size)
        connection.say((writer) => writer.append(cut))
        codes.add(await leavesWith(connection))
      }
      codes.delete(undefined)
      expect([...codes]).toEqual(['ERR_AETHER_FRAME_INVALID'])
    },
  )

  it('a frame that only clients send, or that nobody knows, leaves with ERR_AETHER_FRAME_UNKNOWN', async () => {
    for (let type = 0; type < 256; type++) {
      if (fromBroker.has(type) || aboutConnection.has(type)) continue
      const connection = await welcomed()
      connection.say((writer) => writer.append(Uint8Array.of(0, 0, 0, 9, type, 0, 0, 0, 1, 0, 0, 0, 1)))
      expect([type, await leavesWith(connection)]).toEqual([type, 'ERR_AETHER_FRAME_UNKNOWN'])
    }
  })

  it.each([
    ['a second WELCOME', wholes.find(([name]) => name === 'WELCOME')![1], 'ERR_AETHER_FRAME_INVALID'],
    ['a length of 0', Uint8Array.of(0, 0, 0, 0), 'ERR_AETHER_FRAME_INVALID'],
    ['a length over the limit', Uint8Array.of(255, 0, 0, 0), 'ERR_AETHER_FRAME_TOO_LARGE'],
  ])('%s leaves with a code', async (_name, bytes, code) => {
    const connection = await welcomed()
    connection.say((writer) => writer.append(bytes))
    expect(await leavesWith(connection)).toBe(code)
  })
})
