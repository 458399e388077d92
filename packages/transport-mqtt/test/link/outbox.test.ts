import type { AetherError } from '@aether/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { closedError, lostError, tooLargeError } from '../../src/errors.ts'
import type { Connection, Session } from '../../src/link/connection.ts'
import { Outbox, type Publication } from '../../src/link/outbox.ts'

type Done = (reason: number, error?: AetherError) => void

/** What the outbox needs of a connection: it keeps what is published until a test confirms it. */
class Wire {
  readonly out: { readonly topic: string; readonly qos: number | undefined; readonly done: Done }[] = []

  publish(
    topic: string,
    _payload: Buffer,
    { options, done }: { readonly options: Publication['options']; readonly done: Done },
  ): void {
    this.out.push({ topic, qos: options.qos, done })
  }

  get topics(): string[] {
    return this.out.map(({ topic }) => topic)
  }

  get connection(): Connection {
    return this as unknown as Connection
  }
}

const session: Session = {
  version: 5,
  receiveMaximum: 2,
  maximumPacketSize: 10_000,
  hasSharedSubscriptions: true,
  hasSubscriptionIds: true,
  mayRetain: true,
  maximumQos: 1,
}

function message(topic: string, parts: Partial<Publication> = {}): Publication {
  return { topic, payload: Buffer.from(topic), options: { qos: 1 }, waits: true, ...parts }
}

function outcome(promise: Promise<number>): { value: unknown } {
  const seen: { value: unknown } = { value: 'pending' }
  promise.then(
    (reason) => (seen.value = reason),
    (error: unknown) => (seen.value = (error as { code?: unknown }).code ?? error),
  )
  return seen
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

function outbox(): Outbox {
  return new Outbox({ maxPending: 3, connectTimeoutMs: 1_000 })
}

describe('over a connection', () => {
  it('never more is unconfirmed than the broker allows, and the order stays', async () => {
    const box = outbox()
    const wire = new Wire()
    box.opened(wire.connection, session)
    const seen = ['a', 'b', 'c', 'd'].map((topic) => outcome(box.publish(message(topic))))
    expect(wire.topics).toEqual(['a', 'b'])
    wire.out[1]?.done(0x10)
    expect(wire.topics).toEqual(['a', 'b', 'c'])
    wire.out[0]?.done(0)
    wire.out[2]?.done(0, lostError('refused'))
    await settled()
    expect(wire.topics).toEqual(['a', 'b', 'c', 'd'])
    expect(seen.map(({ value }) => value)).toEqual([0, 0x10, 'ERR_AETHER_TRANSPORT_LOST', 'pending'])
    expect(box.size).toBe(1)
    const drained = box.drained()
    wire.out[3]?.done(0)
    await drained
    expect(box.size).toBe(0)
  })

  it('what the broker would refuse for its size is refused here', async () => {
    const box = outbox()
    const wire = new Wire()
    box.opened(wire.connection, session)
    const large = outcome(box.publish(message('a', { payload: Buffer.alloc(9_900) })))
    await settled()
    expect(large.value).toBe('ERR_AETHER_PAYLOAD_TOO_LARGE')
    expect(wire.out).toEqual([])
  })

  it('quality of service is no higher than the broker allows', () => {
    const box = outbox()
    const wire = new Wire()
    box.opened(wire.connection, { ...session, maximumQos: 0 })
    void box.publish(message('a'))
    expect(wire.out[0]?.qos).toBe(0)
  })
})

describe('without a connection', () => {
  it('calls wait, bounded in number and time; those that would not wait are refused', async () => {
    const box = outbox()
    const seen = ['a', 'b', 'c'].map((topic) => outcome(box.publish(message(topic))))
    const tooMany = outcome(box.publish(message('d')))
    const hasty = outcome(box.publish(message('e', { waits: false })))
    await settled()
    expect(tooMany.value).toBe('ERR_AETHER_QUEUE_FULL')
    expect(hasty.value).toBe('ERR_AETHER_TRANSPORT_LOST')
    vi.advanceTimersByTime(900)
    // Another attempt that fails gives nobody more time.
    box.lost(lostError('refused'))
    vi.advanceTimersByTime(200)
    await settled()
    expect(seen.map(({ value }) => value)).toEqual(
      Array.from({ length: 3 }, () => 'ERR_AETHER_CONNECT_TIMEOUT'),
    )
    expect(vi.getTimerCount()).toBe(0)
  })

  it('what was under way is said again over the next one, before what came later', async () => {
    const box = outbox()
    const [first, second] = [new Wire(), new Wire()]
    box.opened(first.connection, session)
    const seen = ['a', 'b', 'c'].map((topic) => outcome(box.publish(message(topic))))
    const hasty = outcome(box.publish(message('d', { waits: false })))
    box.lost(lostError('cut'))
    await settled()
    expect(hasty.value).toBe('ERR_AETHER_TRANSPORT_LOST')
    box.opened(second.connection, { ...session, receiveMaximum: 10 })
    expect(second.topics).toEqual(['a', 'b', 'c'])
    // The old connection has nothing to say any more.
    first.out[0]?.done(0)
    await settled()
    expect(seen[0]?.value).toBe('pending')
    for (const { done } of second.out) done(0)
    await settled()
    expect(seen.map(({ value }) => value)).toEqual([0, 0, 0])
  })

  const silent = { ...session, receiveMaximum: 10, maximumPacketSize: Infinity }

  it('what ends a connection again and again is refused; nothing else is with it', async () => {
    const box = outbox()
    const long = { payload: Buffer.alloc(50_000) }
    let wire = new Wire()
    box.opened(wire.connection, silent)
    const seen = ['a', 'b'].map((topic) => outcome(box.publish(message(topic))))
    const refused = outcome(box.publish(message('long', { ...long, waits: false })))
    seen.push(outcome(box.publish(message('c'))))
    const lose = (): void => {
      box.lost(lostError('cut'))
      wire = new Wire()
      box.opened(wire.connection, silent)
    }
    lose()
    // It may be why, so it waits until it can be alone.
    expect(wire.topics).toEqual(['a', 'b', 'c'])
    for (const { done } of wire.out.slice(0, 3)) done(0)
    expect(wire.topics).toEqual(['a', 'b', 'c', 'long'])
    const beside = outcome(box.publish(message('d')))
    expect(wire.topics).toHaveLength(4)
    lose()
    expect(wire.topics).toEqual(['long'])
    lose()
    await settled()
    expect(refused.value).toBe('ERR_AETHER_PAYLOAD_TOO_LARGE')
    expect(wire.topics).toEqual(['d'])
    wire.out[0]?.done(0)
    const again = outcome(box.publish(message('longer', { payload: Buffer.alloc(60_000) })))
    const shorter = outcome(box.publish(message('e', { payload: Buffer.alloc(10_000) })))
    wire.out[1]?.done(0)
    await settled()
    expect([...seen, beside, again, shorter].map(({ value }) => value)).toEqual([
      0,
      0,
      0,
      0,
      'ERR_AETHER_PAYLOAD_TOO_LARGE',
      0,
    ])
    expect(box.size).toBe(0)
  })

  it('what only happened to be under way is said again as often as it takes', async () => {
    const box = outbox()
    const seen = outcome(box.publish(message('a')))
    for (let n = 0; n < 5; n += 1) {
      const wire = new Wire()
      box.opened(wire.connection, n % 2 === 0 ? session : silent)
      expect(wire.topics).toEqual(['a'])
      if (n < 4) box.lost(lostError('cut'))
      else wire.out[0]?.done(0)
    }
    await settled()
    expect(seen.value).toBe(0)
  })

  it('what the broker calls too large is refused at once: the longest', async () => {
    const box = outbox()
    const wire = new Wire()
    box.opened(wire.connection, silent)
    const [long, short] = [5_000, 50].map((bytes) =>
      outcome(box.publish(message('a', { payload: Buffer.alloc(bytes) }))),
    )
    box.lost(tooLargeError(0))
    await settled()
    expect([long?.value, short?.value]).toEqual(['ERR_AETHER_PAYLOAD_TOO_LARGE', 'pending'])
    expect(box.maxPacketBytes).toBeLessThan(2_700)
  })

  it('an aborted call is refused with its reason, and not said', async () => {
    const box = outbox()
    const reason = new Error('enough')
    const aborter = new AbortController()
    const seen = outcome(box.publish(message('a', { signal: aborter.signal })))
    const late = outcome(box.publish(message('b', { signal: AbortSignal.abort(reason) })))
    aborter.abort(reason)
    const wire = new Wire()
    box.opened(wire.connection, session)
    await settled()
    expect([seen.value, late.value]).toEqual([reason, reason])
    expect(wire.out).toEqual([])
  })

  it('close refuses what is left, and leaves no timer', async () => {
    const box = outbox()
    const seen = outcome(box.publish(message('a')))
    box.close(closedError())
    await settled()
    expect(seen.value).toBe('ERR_AETHER_TRANSPORT_CLOSED')
    expect(vi.getTimerCount()).toBe(0)
  })
})
