import { describe, expect, it, vi } from 'vitest'
import { FrameType, type Lease, writeDeliver, writeError, writeRoute, writeWelcome } from '../../src/index.ts'
import { ScriptBroker } from '../support/script-broker.ts'
import { bytes, generationOf, made, quiet, rejection, started } from '../support/script-client.ts'

/** Fields of a task block, and no body. */
const taskBlock = new Uint8Array([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x61, 1, 0x67, 3, 0, 0])
const nothing = { codec: 0, headers: undefined, body: new Uint8Array(0) }

describe('start', () => {
  it('refuses a name that no HELLO can hold, and leaves no stream open', async () => {
    const broker = new ScriptBroker()
    const client = made(broker)
    const error = await rejection(client.start({ client: 'x'.repeat(300) }))
    expect(error.code).toBe('ERR_AETHER_OPTIONS_INVALID')
    expect(broker.dials).toBe(0)
    await client.start()
  })
})

describe('the numbers of commands', () => {
  it('begin again with each connection, whatever is called while one ends', async () => {
    const { broker, client } = await started()
    const tasks = client.tasks<string>(quiet)
    const leases: Lease[] = []
    const acks: string[] = []
    await tasks.consume({ filter: 'u/j/t/+', workgroup: 'g', credit: 2, leaseMs: 1_000 }, (lease) => {
      leases.push(lease)
      lease.onRevoke(() => {
        for (const other of leases) {
          other.ack(0, nothing, false).catch((error: { readonly code: string }) => acks.push(error.code))
        }
      })
    })
    broker.last.say((writer) => {
      writeRoute(writer, 1, 'u/j/t/x')
      writeDeliver(writer, 1, 70, 1, 500, 1, taskBlock)
      writeDeliver(writer, 1, 71, 1, 500, 1, taskBlock)
    })
    expect(leases).toHaveLength(2)
    broker.last.lose()
    await vi.waitFor(() => expect(generationOf(client)).toBe(2))
    expect(await client.subscribe('a')).toMatchObject({ filter: 'a' })
    // Of the one that was lost, and of the other, which its callback believed to be there.
    expect(acks).toHaveLength(2)
    expect(new Set(acks)).toEqual(new Set(['ERR_AETHER_LEASE_LOST']))
  })
})

describe('close', () => {
  it('does not wait for the pause after a connection that was lost with its WELCOME', async () => {
    const broker = new ScriptBroker({ welcome: false })
    const client = made(broker, { backoff: { initialMs: 60_000, maxMs: 60_000 }, random: () => 0.9 })
    const starting = client.start()
    await vi.waitFor(() => expect(broker.last.hello).toBeDefined())
    broker.last.say((writer) => {
      writeWelcome(writer, {
        version: 1,
        features: 0,
        maxFrameBytes: 1_114_112,
        heartbeatMs: 0,
        broker: 'script',
        brokerVersion: '0',
      })
      writeError(writer, 'ERR_AETHER_QUEUE_FULL', 'no room')
    })
    await starting
    await client.close()
    expect(client.state.status).toBe('closed')
  })
})

describe('connections that are lost as soon as they are there', () => {
  it('follow each other more and more slowly', async () => {
    const broker = new ScriptBroker()
    const client = made(broker, { backoff: { initialMs: 10, maxMs: 60_000 }, random: () => 0.9 })
    await client.start()
    const begun = performance.now()
    const losing = setInterval(() => broker.last.lose(), 1)
    try {
      await vi.waitFor(() => expect(broker.dials).toBeGreaterThanOrEqual(6), { timeout: 10_000, interval: 5 })
    } finally {
      clearInterval(losing)
    }
    // After 9, 18, 36, 72 and 144 milliseconds; with 9 each time it were 45.
    expect(performance.now() - begun).toBeGreaterThan(200)
  })
})

describe('a call that waits for a connection in vain', () => {
  it('says what was met meanwhile', async () => {
    const { broker, client } = await started({}, { connectTimeoutMs: 100 })
    broker.refusal = new Error('connect ECONNREFUSED 10.0.0.1:7411')
    broker.last.lose()
    // The first attempt has failed.
    await vi.waitFor(() =>
      expect(client.state).toMatchObject({ error: { code: 'ERR_AETHER_CONNECT_FAILED' } }),
    )
    const error = await rejection(client.request('a', bytes('x')))
    expect(error.code).toBe('ERR_AETHER_CONNECT_TIMEOUT')
    expect(error.message).toContain('ECONNREFUSED 10.0.0.1:7411')
    expect(error.cause).toMatchObject({ code: 'ERR_AETHER_CONNECT_FAILED' })
  })

  it('says what each address of a name answered', async () => {
    const broker = new ScriptBroker()
    broker.refusal = new AggregateError([
      new Error('connect ECONNREFUSED ::1:7411'),
      new Error('connect ECONNREFUSED 127.0.0.1:7411'),
    ])
    const error = await rejection(made(broker, { connectTimeoutMs: 20 }).start())
    expect(error.message).toBe(
      'Cannot connect to the broker: connect ECONNREFUSED ::1:7411, connect ECONNREFUSED 127.0.0.1:7411',
    )
  })
})

describe('what cannot be said again', () => {
  it('does not keep a client from its next connection', async () => {
    const { broker, client } = await started()
    const tasks = client.tasks<string>(quiet)
    const wrong = { filter: 'u/j/t/+', workgroup: 'g'.repeat(300), credit: 2, leaseMs: 1_000 }
    expect((await rejection(tasks.consume(wrong, () => {}))).code).toBe('ERR_AETHER_FRAME_TOO_LARGE')
    broker.last.lose()
    await vi.waitFor(() => expect(generationOf(client)).toBe(2))
    await client.subscribe('a')
    expect(broker.connections).toHaveLength(2)
    expect(broker.last.of(FrameType.CONSUME)).toHaveLength(0)
  })
})

describe('states', () => {
  it('begin with the state in which they are read, and end where it is over', async () => {
    const { client } = await started()
    const [early, late] = [client.states(), client.states()]
    await client.flush()
    for await (const state of early) {
      expect(state.status).toBe('ready')
      break
    }
    await client.close()
    const seen: string[] = []
    for await (const state of late) seen.push(state.status)
    expect(seen).toEqual(['closed'])
  })
})
