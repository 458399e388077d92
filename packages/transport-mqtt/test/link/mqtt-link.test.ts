import { AetherError, type TransportState } from '@aether/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { lostError, reasonError } from '../../src/errors.ts'
import { Connection } from '../../src/link/connection.ts'
import { type LinkOptions, MqttLink } from '../../src/link/mqtt-link.ts'
import { type MqttOptions, mqttSettings } from '../../src/options.ts'
import { startByteBroker } from '../support/byte-broker.ts'
import { openings } from '../support/openings.ts'
import { FakeConnection, settled } from '../support/fake-connection.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

const opened = openings()

interface Made {
  readonly link: MqttLink
  /** Every connection that was begun. */
  readonly made: FakeConnection[]
  readonly latest: () => FakeConnection
  readonly states: TransportState[]
  readonly warnings: string[]
}

function link(options: Partial<MqttOptions> = {}, given: Partial<LinkOptions> = {}): Made {
  const made: FakeConnection[] = []
  const states: TransportState[] = []
  const warnings: string[] = []
  const settings = mqttSettings({
    url: 'mqtt://one',
    backoff: { initialMs: 100, maxMs: 1_000 },
    connectTimeoutMs: 10_000,
    closeTimeoutMs: 500,
    ...options,
  })
  const own = new MqttLink({
    settings,
    clientId: 'me',
    onState: (state) => states.push(state),
    onIgnored: () => undefined,
    onWarning: (message) => warnings.push(message),
    // Always the whole of what may be waited.
    random: () => 1,
    connect: (to, events) => {
      const connection = new FakeConnection(to, events)
      made.push(connection)
      return connection.connection
    },
    ...given,
  })
  return { link: own, made, states, warnings, latest: () => made.at(-1) as FakeConnection }
}

async function ready(options?: Partial<MqttOptions>, given?: Partial<LinkOptions>): Promise<Made> {
  const all = link(options, given)
  const started = all.link.start()
  all.latest().open()
  await started
  return all
}

/** How long it waits before it connects again. */
async function waitsMs({ made }: Made): Promise<number> {
  const count = made.length
  const startedAt = performance.now()
  while (made.length === count) await vi.advanceTimersByTimeAsync(1)
  return Math.round(performance.now() - startedAt)
}

const refused = (): AetherError => reasonError(0x87, 'CONNECT')

describe('attempts to connect', () => {
  it('come after waits that double up to the longest, and jitter over all of it', async () => {
    let share = 1
    const all = link({ connectTimeoutMs: 60_000 }, { random: () => share })
    all.link.start().catch(() => undefined)
    const waits: number[] = []
    for (let n = 0; n < 6; n++) {
      all.latest().lose()
      waits.push(await waitsMs(all))
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000])
    share = 0.25
    all.latest().lose()
    expect(await waitsMs(all)).toBe(250)
    expect(all.states).toEqual([{ status: 'starting' }])
    await all.link.close(async () => undefined)
  })

  it('begin anew with short waits after a connection that lasted, and only after such a one', async () => {
    const all = await ready()
    for (const expected of [100, 200, 400]) {
      all.latest().lose()
      expect(await waitsMs(all)).toBe(expected)
      all.latest().open()
      await settled()
    }
    expect(all.states.at(-1)).toEqual({ status: 'ready', generation: 4 })
    await vi.advanceTimersByTimeAsync(1_000)
    all.latest().lose()
    expect(await waitsMs(all)).toBe(100)
    // The first loss, and the one after the connection that lasted.
    expect(all.warnings).toHaveLength(2)
  })

  it('warn once where connections end as soon as they are made', async () => {
    const all = await ready()
    for (let n = 0; n < 8; n++) {
      all.latest().lose()
      await waitsMs(all)
      all.latest().open()
      await settled()
    }
    expect(all.warnings.filter((warning) => /has another client this client id/.test(warning))).toHaveLength(
      1,
    )
  })

  it('end after connectTimeoutMs before the first connection, with what went wrong; never after it', async () => {
    const first = link({ connectTimeoutMs: 1_000 })
    const outcome = first.link.start().catch((error: unknown) => error)
    first.latest().lose(new AetherError('ERR_AETHER_CONNECT_FAILED', 'nobody there', { retryable: true }))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await outcome).toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED' })
    expect(first.link.state.status).toBe('failed')
    expect(first.latest().ended).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
    const second = await ready({ connectTimeoutMs: 1_000 })
    second.latest().lose(refused())
    await vi.advanceTimersByTimeAsync(600_000)
    expect(second.link.state.status).toBe('reconnecting')
    await second.link.close(async () => undefined)
  })

  it('end at once where no other broker is left that may take us', async () => {
    const all = link({ url: ['mqtt://one', 'mqtt://two'] })
    const outcome = all.link.start().catch((error: unknown) => error)
    all.latest().lose(refused())
    expect(all.link.state.status).toBe('starting')
    await waitsMs(all)
    expect(all.made.map(({ options }) => options?.target.host)).toEqual(['one', 'two'])
    all.latest().lose(refused())
    expect(await outcome).toMatchObject({ code: 'ERR_AETHER_TOKEN_REFUSED' })
    expect(all.states.map(({ status }) => status)).toEqual(['starting', 'failed'])
  })

  it('speak 3.1.1 at once where the broker refuses 5, and keep to what was asked for', async () => {
    const all = link()
    const started = all.link.start()
    all.latest().lose(reasonError(0x84, 'CONNECT'))
    expect(all.made.map(({ options }) => options?.version)).toEqual([5, 4])
    all.latest().open({ version: 4 })
    await started
    all.latest().lose()
    await waitsMs(all)
    expect(all.latest().options?.version).toBe(4)
    const strict = link({ protocolVersion: 5 })
    const outcome = strict.link.start().catch((error: unknown) => error)
    strict.latest().lose(reasonError(0x84, 'CONNECT'))
    expect(await outcome).toMatchObject({ code: 'ERR_AETHER_PROTOCOL_VERSION' })
    await all.link.close(async () => undefined)
  })
})

describe('a name that the broker gives to another client', () => {
  it('ends the link, or is exchanged for another', async () => {
    const takenOver = (): AetherError => reasonError(0x8e, 'DISCONNECT')
    const all = await ready()
    all.latest().lose(takenOver())
    expect(all.link.state).toMatchObject({ status: 'failed', error: { detail: { reasonCode: 0x8e } } })
    expect(vi.getTimerCount()).toBe(0)
    let count = 0
    const other = await ready({}, { nextClientId: () => `me-${++count}` })
    for (const [name, waitMs] of [
      ['me-1', 100],
      ['me-2', 200],
    ] as const) {
      other.latest().lose(takenOver())
      expect(await waitsMs(other)).toBe(waitMs)
      expect(other.latest().options?.clientId).toBe(name)
      other.latest().open()
      await settled()
    }
    expect(other.link.state).toEqual({ status: 'ready', generation: 3 })
  })
})

describe('what an older connection still says', () => {
  it('counts no more', async () => {
    const all = await ready()
    const [old] = all.made
    old?.lose()
    await waitsMs(all)
    all.latest().open()
    await settled()
    old?.lose()
    old?.open()
    await settled()
    expect(all.link.state).toEqual({ status: 'ready', generation: 2 })
    expect(all.made).toHaveLength(2)
  })

  it('is not ready before its subscriptions are; one that is refused ends it', async () => {
    const all = await ready()
    await all.link.subscribe({ filter: 'a', qos: 1 }, () => undefined)
    all.latest().lose()
    await waitsMs(all)
    const again = all.latest()
    again.isQuick = false
    again.open()
    await settled()
    expect(all.link.state.status).toBe('reconnecting')
    again.subscribed[0]?.refuse(refused())
    await settled()
    expect(again.ended).toBe(false)
    expect(all.link.state).toMatchObject({ status: 'reconnecting', attempt: 2 })
    await waitsMs(all)
    all.latest().open()
    await settled()
    expect(all.link.state).toEqual({ status: 'ready', generation: 2 })
  })
})

describe('close', () => {
  it.each([false, true])(
    'is over in its time where the broker is silent (asked for something: %s)',
    async (isAsked) => {
      vi.useRealTimers()
      const broker = opened(await startByteBroker([0x20, 3, 0, 0, 0]))
      const url = `mqtt://127.0.0.1:${broker.port}`
      const all = link({ url, closeTimeoutMs: 100 }, { connect: (to, events) => new Connection(to, events) })
      await all.link.start()
      const asked = isAsked ? all.link.subscribe({ filter: 'a', qos: 1 }, () => undefined) : undefined
      asked?.catch(() => undefined)
      await all.link.close(async () => undefined)
      expect(all.link.state.status).toBe('closed')
      expect(await broker.end).toBe('closed')
    },
  )

  it('says what is left to say, waits for its confirmation, and says goodbye', async () => {
    const all = await ready()
    const closing = all.link.close(async () => {
      void all.link.publish({
        topic: 'bye',
        payload: Buffer.from(''),
        options: { qos: 1 },
        waits: false,
      })
    })
    await settled()
    expect(all.latest().ended).toBeUndefined()
    all.latest().published[0]?.done(0)
    await closing
    expect(all.latest().ended).toBe(true)
    expect(all.states.map(({ status }) => status)).toEqual(['starting', 'ready', 'closing', 'closed'])
    await expect(all.link.subscribe({ filter: 'a', qos: 1 }, () => undefined)).rejects.toMatchObject({
      code: 'ERR_AETHER_TRANSPORT_CLOSED',
    })
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([
    ['closeTimeoutMs', async () => void (await vi.advanceTimersByTimeAsync(500))],
    ['its signal', async (stop: AbortController) => stop.abort()],
  ] as const)('is over by %s, and then without a goodbye', async (_what, hurry) => {
    const all = await ready()
    const sent = all.link
      .publish({ topic: 'a', payload: Buffer.from(''), options: { qos: 1 }, waits: true })
      .catch((error: unknown) => error)
    const stop = new AbortController()
    const closing = all.link.close(() => new Promise(() => undefined), { signal: stop.signal })
    await settled()
    expect(all.link.state.status).toBe('closing')
    await hurry(stop)
    await closing
    expect(await sent).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
    expect(all.latest().ended).toBe(false)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('while it connects ends the attempt, and start rejects', async () => {
    const all = link()
    const outcome = all.link.start().catch((error: unknown) => error)
    const words = vi.fn<() => Promise<void>>(async () => undefined)
    await all.link.close(words)
    expect(words).not.toHaveBeenCalled()
    expect(await outcome).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_CLOSED' })
    all.latest().lose(lostError('late'))
    expect(all.link.state.status).toBe('closed')
    expect(vi.getTimerCount()).toBe(0)
  })
})
