import type { AetherError } from '@aether/core'
import { until } from '@aether/testing'
import { describe, expect, it } from 'vitest'
import { Connection, type Session } from '../../src/link/connection.ts'
import { type MqttOptions, mqttSettings } from '../../src/options.ts'
import { type ByteBroker, packetType, startByteBroker } from '../support/byte-broker.ts'
import { openings } from '../support/openings.ts'

const opened = openings()

/** CONNACK of MQTT 5 with these properties. */
const connack = (...properties: number[]): number[] => [
  0x20,
  3 + properties.length,
  0,
  0,
  properties.length,
  ...properties,
]
/** PUBACK of MQTT 5. */
const puback = (id: number, reason: number): number[] => [0x40, 3, id >> 8, id & 0xff, reason]

interface Made {
  readonly broker: ByteBroker
  readonly connection: Connection
  readonly session: Session
  readonly closed: AetherError[]
}

async function connected(
  welcome: readonly number[] = connack(),
  options: Partial<MqttOptions> & { readonly version?: 4 | 5 } = {},
): Promise<Made> {
  const { version = 5, ...own } = options
  const broker = opened(await startByteBroker(welcome))
  const settings = mqttSettings({ url: `mqtt://127.0.0.1:${broker.port}`, ...own })
  const sessions: Session[] = []
  const closed: AetherError[] = []
  const [target] = settings.targets
  if (!target) throw new Error('no target')
  const connection = new Connection(
    { settings, target, version, clientId: 'me', will: undefined },
    {
      onOpen: (session) => sessions.push(session),
      onMessage: () => undefined,
      onClosed: (error) => closed.push(error),
    },
  )
  opened({ close: () => connection.end(false) })
  return { broker, connection, closed, session: await until(() => sessions[0]) }
}

/** The packet id of a PUBLISH with a topic of one letter. */
const idOf = (publish: Buffer): number => publish.readUInt16BE(5)

describe('what the broker says of itself', () => {
  it('is believed where it says so, and bounded by what mqtt.js can keep apart', async () => {
    expect((await connected()).session).toEqual({
      version: 5,
      receiveMaximum: 1_024,
      maximumPacketSize: Infinity,
      hasSharedSubscriptions: true,
      hasSubscriptionIds: true,
      mayRetain: true,
      maximumQos: 1,
    })
    // Receive maximum 20, maximum QoS 0, no retain, packets of 1 000 bytes, neither identifiers nor shared subscriptions.
    const little = connack(0x21, 0, 20, 0x24, 0, 0x25, 0, 0x27, 0, 0, 3, 0xe8, 0x29, 0, 0x2a, 0)
    expect((await connected(little)).session).toEqual({
      version: 5,
      receiveMaximum: 20,
      maximumPacketSize: 1_000,
      hasSharedSubscriptions: false,
      hasSubscriptionIds: false,
      mayRetain: false,
      maximumQos: 0,
    })
    expect((await connected(connack(0x21, 0xff, 0xff))).session.receiveMaximum).toBe(1_024)
  })

  it('is nothing in 3.1.1: it may share, and names no subscription', async () => {
    const { session } = await connected([0x20, 2, 0, 0], { version: 4 })
    expect(session).toMatchObject({ version: 4, hasSharedSubscriptions: true, hasSubscriptionIds: false })
  })
})

describe('publications', () => {
  it('learn each the reason of its own PUBACK, in whatever order these come', async () => {
    const { broker, connection } = await connected()
    const told: [string, number, string | undefined][] = []
    for (const topic of ['a', 'b', 'c'])
      connection.publish(topic, Buffer.from('x'), {
        options: { qos: 1 },
        done: (reason, error) => told.push([topic, reason, error?.code]),
      })
    const ids: number[] = []
    for (let n = 0; n < 3; n++) ids.push(idOf(await broker.packet(packetType.publish, n)))
    const [a = 0, b = 0, c = 0] = ids
    // Nobody is subscribed to the last one, the first one is not allowed, the second one is fine.
    broker.say([...puback(c, 0x10), ...puback(a, 0x87), ...puback(b, 0)])
    await until(() => told.length === 3)
    expect(told).toEqual([
      ['c', 0x10, undefined],
      ['a', 0x87, 'ERR_AETHER_TOKEN_REFUSED'],
      ['b', 0, undefined],
    ])
  })

  it('are not told after the end', async () => {
    const { broker, connection } = await connected()
    const told: unknown[] = []
    connection.publish('a', Buffer.from('x'), { options: { qos: 1 }, done: (reason) => told.push(reason) })
    await broker.packet(packetType.publish)
    await connection.end(false)
    broker.say(puback(1, 0))
    expect(told).toEqual([])
  })
})

describe('a silent broker', () => {
  it('is asked for a sign of life, and left where it gives none', async () => {
    const { broker, closed } = await connected(connack(), { keepAliveMs: 1_000 })
    const connectedAt = performance.now()
    await broker.packet(packetType.pingreq)
    expect(closed).toEqual([])
    await until(() => closed.length > 0)
    expect(closed).toMatchObject([
      { code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true, message: expect.stringContaining('silent') },
    ])
    // One and a half times what was asked for; with room for a machine that is busy.
    expect(performance.now() - connectedAt).toBeLessThan(5_000)
  })

  it('that answers is kept', async () => {
    const { broker, closed } = await connected(connack(), { keepAliveMs: 1_000 })
    for (let n = 0; n < 2; n++) {
      await broker.packet(packetType.pingreq, n)
      broker.say([0xd0, 0])
    }
    expect(closed).toEqual([])
  })
})

describe('the end', () => {
  it('from here is said, and not waited for where nobody answers', async () => {
    const { broker, connection } = await connected()
    const ending = connection.end(true)
    await broker.packet(packetType.disconnect)
    await Promise.all([connection.end(false), connection.end(false)])
    await ending
  })

  it('from here comes though the broker owes an answer, and mqtt.js would wait for it', async () => {
    const { broker, connection } = await connected()
    connection.subscribe('a', { qos: 1, id: 1 }).catch(() => undefined)
    await broker.packet(packetType.subscribe)
    void connection.end(true)
    await connection.end(false)
    expect(await broker.end).toBe('closed')
  })

  it('is told once, with the reason that the broker gives', async () => {
    const { broker, closed } = await connected()
    broker.say([0xe0, 2, 0x98, 0])
    await until(() => closed.length > 0)
    await broker.close()
    expect(closed).toMatchObject([{ detail: { reasonCode: 0x98 }, retryable: true }])
  })

  it('settles what waits for an answer, whoever ends it', async () => {
    for (const end of ['here', 'there']) {
      const { broker, connection, closed } = await connected()
      const asked = connection.subscribe('a', { qos: 1, id: 1 }).catch(({ code }: AetherError) => code)
      const left = connection.unsubscribe('b')
      await broker.packet(packetType.unsubscribe)
      if (end === 'here') await connection.end(false)
      else await broker.close()
      expect(await asked).toBe('ERR_AETHER_TRANSPORT_LOST')
      await left
      expect(closed).toHaveLength(end === 'here' ? 0 : 1)
    }
  })

  it('is told where what comes is no MQTT', async () => {
    const { broker, closed } = await connected()
    broker.say([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    await until(() => closed.length > 0)
    expect(closed).toMatchObject([{ code: 'ERR_AETHER_TRANSPORT_LOST' }])
  })
})
