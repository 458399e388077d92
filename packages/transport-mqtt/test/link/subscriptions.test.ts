import type { IPublishPacket } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { closedError, lostError, reasonError } from '../../src/errors.ts'
import { Subscriptions } from '../../src/link/subscriptions.ts'
import { FakeConnection, session, settled } from '../support/fake-connection.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

const payload = Buffer.from('x')

function packet(
  parts: { readonly retain?: boolean; readonly id?: number | readonly number[] } = {},
): IPublishPacket {
  const { retain = false, id } = parts
  const properties = id === undefined ? {} : { properties: { subscriptionIdentifier: id } }
  return { cmd: 'publish', topic: '', payload, qos: 1, dup: false, retain, ...properties } as IPublishPacket
}

function subscriptions(): { readonly all: Subscriptions; readonly ignored: string[] } {
  const ignored: string[] = []
  const onIgnored = (topic: string): void => void ignored.push(topic)
  return { all: new Subscriptions({ maxPending: 2, connectTimeoutMs: 1_000, onIgnored }), ignored }
}

async function over(all: Subscriptions, parts: Partial<typeof session> = {}): Promise<FakeConnection> {
  const connection = new FakeConnection()
  await all.restore(connection.connection, { ...session, ...parts })
  return connection
}

const nothing = (): void => undefined
const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: unknown }).code,
  )

describe('subscriptions', () => {
  it('are made over each new connection, with those that were asked for while it was made', async () => {
    const { all } = subscriptions()
    const early = all.add({ filter: 'a', qos: 1 }, nothing)
    const first = await over(all)
    await early
    expect(first.subscribed.map(({ filter, id }) => [filter, id])).toEqual([['a', 1]])
    all.lost()
    const connection = new FakeConnection()
    connection.isQuick = false
    const restoring = all.restore(connection.connection, session)
    const meanwhile = all.add({ filter: 'b', qos: 1 }, nothing)
    connection.subscribed[0]?.confirm()
    await settled()
    expect(connection.filters).toEqual(['a', 'b'])
    connection.subscribed[1]?.confirm()
    await Promise.all([restoring, meanwhile])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('wait for a connection: not too many of them, and none for ever', async () => {
    const { all } = subscriptions()
    // The transport's own, before the first one.
    const own = ['a', 'b', 'c'].map((filter) => all.add({ filter, qos: 1 as const }, nothing))
    await over(all)
    await Promise.all(own)
    all.lost()
    const waiting = ['d', 'e', 'f'].map((filter) => outcome(all.add({ filter, qos: 1 as const }, nothing)))
    expect(await waiting[2]).toBe('ERR_AETHER_QUEUE_FULL')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await Promise.all(waiting.slice(0, 2))).toEqual([
      'ERR_AETHER_CONNECT_TIMEOUT',
      'ERR_AETHER_CONNECT_TIMEOUT',
    ])
    // Nobody waits for them any more, so they are not made.
    expect((await over(all)).filters).toEqual(['a', 'b', 'c'])
  })

  it('whose connection ends before they are confirmed are made over the next one', async () => {
    const { all } = subscriptions()
    const connection = await over(all)
    connection.isQuick = false
    const asked = outcome(all.add({ filter: 'a', qos: 1 }, nothing))
    all.lost()
    connection.lose()
    await settled()
    expect((await over(all)).filters).toEqual(['a'])
    expect(await asked).toBe('resolved')
  })

  it('that are refused are forgotten', async () => {
    const { all } = subscriptions()
    const connection = await over(all)
    connection.isQuick = false
    const asked = outcome(all.add({ filter: 'a', qos: 1 }, nothing))
    connection.subscribed[0]?.refuse(reasonError(0x87, 'SUBSCRIBE'))
    expect(await asked).toBe('ERR_AETHER_TOKEN_REFUSED')
    expect((await over(all)).filters).toEqual([])
  })

  it('are closed once, over the connection that has them; without one there is nothing to say', async () => {
    const { all } = subscriptions()
    const connection = await over(all)
    const [one, other] = [
      await all.add({ filter: 'a', qos: 1 }, nothing),
      await all.add({ filter: 'b', qos: 1 }, nothing),
    ]
    await Promise.all([one.close(), one.close()])
    expect(connection.unsubscribed).toEqual(['a'])
    all.lost()
    await other.close()
    expect(connection.unsubscribed).toEqual(['a'])
    const waiting = outcome(all.add({ filter: 'c', qos: 1 }, nothing))
    all.close(closedError())
    expect(await waiting).toBe('ERR_AETHER_TRANSPORT_CLOSED')
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a subscription that is closed while a new connection is made', () => {
  async function reconnecting(): Promise<{
    readonly all: Subscriptions
    readonly connection: FakeConnection
    readonly close: () => Promise<void>
    readonly restoring: Promise<void>
  }> {
    const { all } = subscriptions()
    await over(all)
    const one = await all.add({ filter: 'a', qos: 1 }, nothing)
    await all.add({ filter: 'b', qos: 1 }, nothing)
    all.lost()
    const connection = new FakeConnection()
    connection.isQuick = false
    const restoring = all.restore(connection.connection, session)
    return { all, connection, close: () => one.close(), restoring }
  }

  it('is left as soon as the broker has confirmed it, before another of its filter is made', async () => {
    const { all, connection, close, restoring } = await reconnecting()
    await close()
    const again = all.add({ filter: 'a', qos: 1 }, nothing)
    expect(connection.unsubscribed).toEqual([])
    for (const { confirm } of connection.subscribed) confirm()
    await settled()
    expect(connection.unsubscribed).toEqual(['a'])
    expect(connection.filters).toEqual(['a', 'b', 'a'])
    connection.subscribed[2]?.confirm()
    await Promise.all([restoring, again])
    expect(connection.unsubscribed).toEqual(['a'])
  })

  it('is left at once where the broker has confirmed it, and not the others', async () => {
    const { connection, close, restoring } = await reconnecting()
    connection.subscribed[0]?.confirm()
    await settled()
    await close()
    expect(connection.unsubscribed).toEqual(['a'])
    connection.subscribed[1]?.confirm()
    await restoring
    expect(connection.unsubscribed).toEqual(['a'])
  })

  it('is left, too, where nobody waits for it any longer', async () => {
    const { all } = subscriptions()
    await over(all)
    all.lost()
    const late = outcome(all.add({ filter: 'c', qos: 1 }, nothing))
    const connection = new FakeConnection()
    connection.isQuick = false
    const restoring = all.restore(connection.connection, session)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await late).toBe('ERR_AETHER_CONNECT_TIMEOUT')
    connection.subscribed[0]?.confirm()
    await restoring
    expect(connection.unsubscribed).toEqual(['c'])
  })
})

describe('a message', () => {
  it('is for the subscriptions that it names; for one that was closed it is nothing', async () => {
    const { all, ignored } = subscriptions()
    await over(all)
    const heard: string[] = []
    const one = await all.add({ filter: 'a/+', qos: 1 }, (topic) => heard.push(`one ${topic}`))
    await all.add({ filter: 'a/b', qos: 1 }, (topic) => heard.push(`two ${topic}`))
    all.hear('a/b', payload, packet({ id: [1, 2] }))
    expect(heard).toEqual(['one a/b', 'two a/b'])
    await one.close()
    all.hear('a/b', payload, packet({ id: 1 }))
    expect(heard).toHaveLength(2)
    expect(ignored).toEqual([])
  })

  it('is found by its topic where it names none', async () => {
    const { all, ignored } = subscriptions()
    await over(all, { hasSubscriptionIds: false })
    const heard: string[] = []
    await all.add({ filter: '$share/group/a/+/c', qos: 1 }, (topic) => heard.push(topic))
    for (const topic of ['a/b/c', 'a/b', 'a/b/c/d', 'x/b/c']) all.hear(topic, payload, packet())
    expect(heard).toEqual(['a/b/c'])
    expect(ignored).toEqual(['a/b', 'a/b/c/d', 'x/b/c'])
  })

  it('that comes while its subscription is closed is nothing either, where it names none', async () => {
    const { all, ignored } = subscriptions()
    await over(all, { hasSubscriptionIds: false })
    const one = await all.add({ filter: '$share/group/a/+', qos: 1 }, nothing)
    const closing = one.close()
    all.hear('a/b', payload, packet())
    expect(ignored).toEqual([])
    await closing
    all.hear('a/b', payload, packet())
    expect(ignored).toEqual(['a/b'])
  })

  it('that was retained is of a time that is over, but where it counts; what throws stops nothing', async () => {
    const { all, ignored } = subscriptions()
    await over(all)
    const heard: string[] = []
    await all.add({ filter: 'a', qos: 1 }, (topic) => heard.push(topic))
    await all.add({ filter: 'b', qos: 1, isRetained: true }, (topic) => heard.push(topic))
    await all.add({ filter: 'c', qos: 1 }, () => {
      throw lostError('mine')
    })
    for (const [index, topic] of ['a', 'b'].entries())
      all.hear(topic, payload, packet({ retain: true, id: index + 1 }))
    all.hear('c', payload, packet({ id: 3 }))
    expect(heard).toEqual(['b'])
    expect(ignored).toEqual(['a', 'c'])
  })
})
