import { describe, expect, it, vi } from 'vitest'
import {
  type ConnectionState,
  type Client,
  type ClientOptions,
  createClient,
  FrameType,
  FrameWriter,
  type Lease,
  Outcome,
  Reason,
  SendFrame,
  readSend,
  WireError,
  writeComplete,
  writeConfirm,
  writeDeduplicated,
  writeDeliver,
  writeDropped,
  writeError,
  writePublish,
  writePublishNamed,
  writeRefuse,
  writeReply,
  writeReplyError,
  writeRequest,
  writeRevoke,
  writeRoute,
  writeSend,
  writeTopic,
  type SendWaiter,
} from '../src/index.ts'
import { ScriptBroker } from './support/script-broker.ts'
import { bytes, generationOf, made, quiet, rejection, started, task } from './support/script-client.ts'

describe('connecting', () => {
  it('says who it is and is ready at WELCOME', async () => {
    const { broker, client } = await started({}, { client: 'me', host: 'here', token: 'secret' })
    expect(broker.last.hello).toMatchObject({ client: 'me', host: 'here', token: 'secret', minVersion: 1 })
    expect(client.state).toEqual({ status: 'ready', generation: 1 })
  })

  it('tries again until its time is over, then fails with the last reason', async () => {
    const broker = new ScriptBroker()
    broker.refusal = new Error('nobody there')
    const client = made(broker, { connectTimeoutMs: 300 })
    const error = await rejection(client.start())
    expect(error.code).toBe('ERR_AETHER_CONNECT_FAILED')
    expect(error.message).toContain('nobody there')
    expect(broker.dials).toBeGreaterThan(1)
    expect(client.state.status).toBe('failed')
    expect((await rejection(client.subscribe('a'))).code).toBe('ERR_AETHER_CONNECT_FAILED')
    expect(() => client.publish('a', bytes('x'))).toThrow(WireError)
  })

  it('gives up a broker that takes the connection and says nothing', async () => {
    const client = made(new ScriptBroker({ welcome: false }), { attemptTimeoutMs: 20, connectTimeoutMs: 60 })
    expect((await rejection(client.start())).code).toBe('ERR_AETHER_CONNECT_TIMEOUT')
  })

  it('does not try again where the version is at fault', async () => {
    const broker = new ScriptBroker({ version: 9 })
    expect((await rejection(made(broker).start())).code).toBe('ERR_AETHER_PROTOCOL_VERSION')
    expect(broker.dials).toBe(1)
  })

  it('goes through its states in order, and ends their iteration', async () => {
    const broker = new ScriptBroker()
    const client = made(broker)
    const seen: ConnectionState['status'][] = []
    const following = (async () => {
      for await (const state of client.states()) seen.push(state.status)
    })()
    await client.start()
    broker.last.lose()
    await vi.waitFor(() => expect(generationOf(client)).toBe(2))
    await client.close()
    await following
    expect(seen.filter((status, index) => status !== seen[index - 1])).toEqual([
      'idle',
      'connecting',
      'ready',
      'reconnecting',
      'ready',
      'closing',
      'closed',
    ])
  })

  it('close while connecting, and before it, leaves it closed', async () => {
    const broker = new ScriptBroker({ welcome: false })
    const client = made(broker)
    const starting = client.start()
    const closing = client.close()
    expect((await rejection(starting)).code).toBe('ERR_AETHER_TRANSPORT_CLOSED')
    await closing
    expect(client.state.status).toBe('closed')
    const never = made(broker)
    await never.close()
    expect((await rejection(never.start())).code).toBe('ERR_AETHER_TRANSPORT_CLOSED')
  })

  it('replaces a connection that went silent, after asking for a sign of life', async () => {
    const { broker, client } = await started({ heartbeatMs: 40 })
    const first = broker.last
    vi.spyOn(first.stream, 'deliver').mockImplementation(() => {})
    await vi.waitFor(() => expect(generationOf(client)).toBe(2), { timeout: 2_000 })
    expect(first.of(FrameType.PING).length).toBeGreaterThan(0)
  })

  it('tells a broker that breaks the protocol why it leaves', async () => {
    const { broker, client } = await started()
    const first = broker.last
    first.stream.deliver(new Uint8Array([0, 0, 0, 1, 0x7f]))
    await vi.waitFor(() => expect(generationOf(client)).toBe(2))
    expect(first.of(FrameType.ERROR)).toHaveLength(1)
  })

  it('reconnects when the broker says ERROR, with its words as the reason', async () => {
    const { broker, client } = await started()
    const reasons: string[] = []
    void (async () => {
      for await (const state of client.states())
        if (state.status === 'reconnecting') reasons.push(state.error.code)
    })()
    broker.last.say((writer) => writeError(writer, 'ERR_AETHER_FRAME_INVALID', 'no'))
    await vi.waitFor(() => expect(generationOf(client)).toBe(2))
    await vi.waitFor(() => expect(reasons[0]).toBe('ERR_AETHER_FRAME_INVALID'))
  })
})

describe('options', () => {
  it.each([
    ['dial', undefined],
    ['client', 7],
    ['client', 'x'.repeat(300)],
    ['maxFrameBytes', 1],
    ['connectTimeoutMs', 0],
    ['connectTimeoutMs', Number.NaN],
    ['backoff', { initialMs: 0 }],
    ['maxPending', 1.5],
    ['onWarning', 'log'],
    ['colour', 'red'],
  ])('%s: %s is refused', (name, value) => {
    const options = { dial: new ScriptBroker().dial, [name]: value } as ClientOptions
    expect(() => createClient(options)).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }),
    )
  })
})

describe('pub/sub', () => {
  it('asks for an id after a few messages, and uses it', async () => {
    const { broker, client } = await started()
    for (let index = 0; index < 3; index++) client.publish('a/b', bytes('x'))
    await vi.waitFor(() => expect(broker.last.names(FrameType.TOPIC_REQUEST)).toEqual(['a/b']))
    broker.last.say((writer) => writeTopic(writer, 5, 'a/b'))
    client.publish('a/b', bytes('y'))
    await client.flush()
    expect(broker.last.of(FrameType.PUBLISH_NAMED)).toHaveLength(3)
    expect(broker.last.of(FrameType.PUBLISH)).toHaveLength(1)
  })

  it('gives a message to every subscription that matches, named or by id', async () => {
    const { broker, client } = await started()
    const heard: string[] = []
    const listen = (filter: string): Promise<unknown> =>
      client.subscribe(filter, { onMessage: (message) => heard.push(`${filter}:${message.text()}`) })
    await Promise.all([listen('a/b'), listen('a/+'), listen('#'), listen('other')])
    broker.last.say((writer) => {
      writePublishNamed(writer, 'a/b', { k: 'v' }, bytes('1'))
      writeTopic(writer, 9, 'a/b')
      writePublish(writer, 9, undefined, bytes('2'))
    })
    expect(heard).toEqual(['a/b:1', 'a/+:1', '#:1', 'a/b:2', 'a/+:2', '#:2'])
  })

  it('keeps the headers and the payload of a message for as long as it is kept', async () => {
    const { broker, client } = await started()
    const subscription = await client.subscribe('a')
    broker.last.say((writer) => writePublishNamed(writer, 'a', { region: 'ü' }, bytes('payload')))
    for await (const message of subscription) {
      expect({ ...message.headers }).toEqual({ region: 'ü' })
      expect(Buffer.from(message.payload).toString()).toBe('payload')
      expect(message.size).toBe(7)
      break
    }
    await vi.waitFor(() => expect(broker.last.names(FrameType.UNSUBSCRIBE)).toEqual(['a']))
  })

  it('drops the oldest, drops the newest or ends, as it was told', async () => {
    const { broker, client } = await started()
    const oldest = await client.subscribe('a', { limit: 2 })
    const newest = await client.subscribe('a', { limit: 2, overflow: 'drop-newest' })
    const ending = await client.subscribe('a', { limit: 2, overflow: 'close' })
    broker.last.say((writer) => {
      for (const text of ['1', '2', '3']) writePublishNamed(writer, 'a', undefined, bytes(text))
    })
    const read = async (
      subscription: AsyncIterable<{ text(): string }>,
      count: number,
    ): Promise<string[]> => {
      const texts: string[] = []
      for await (const message of subscription) if (texts.push(message.text()) === count) break
      return texts
    }
    expect(await read(oldest, 2)).toEqual(['2', '3'])
    expect(await read(newest, 2)).toEqual(['1', '2'])
    expect([oldest.dropped, newest.dropped]).toEqual([1, 1])
    const rest: string[] = []
    const reading = (async () => {
      for await (const message of ending) rest.push(message.text())
    })()
    expect((await rejection(reading)).code).toBe('ERR_AETHER_SUBSCRIPTION_OVERFLOW')
    expect([rest, ending.dropped]).toEqual([['1', '2'], 1])
    expect(await ending[Symbol.asyncIterator]().next()).toMatchObject({ done: true })
  })

  it('bounds the bytes that wait too', async () => {
    const { broker, client } = await started()
    const subscription = await client.subscribe('a', { limitBytes: 10 })
    broker.last.say((writer) => {
      for (const text of ['123456', '789012', '3']) writePublishNamed(writer, 'a', undefined, bytes(text))
    })
    expect(subscription.dropped).toBe(1)
  })

  it('counts what the broker dropped', async () => {
    const { broker, client } = await started()
    broker.last.say((writer) => writeDropped(writer, 7))
    expect(client.missed).toBe(7)
  })

  it('subscribes each filter once after a reconnection, and not what was closed', async () => {
    const { broker, client } = await started()
    await client.subscribe('a', { onMessage: () => {} })
    await client.subscribe('a', { onMessage: () => {} })
    await client.subscribe('b/#', { onMessage: () => {} })
    await (await client.subscribe('gone')).close()
    broker.last.lose()
    await vi.waitFor(() => expect(generationOf(client)).toBe(2))
    await client.flush()
    expect(broker.last.names(FrameType.SUBSCRIBE)).toEqual(['a', 'b/#'])
  })

  it('holds what is published meanwhile, up to a limit, and sends it then', async () => {
    const broker = new ScriptBroker()
    const client = made(broker, { maxOutboundBytes: 2_000 })
    client.publish('a', bytes('early'))
    expect(() => client.publish('a', new Uint8Array(3_000))).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_QUEUE_FULL', retryable: true }),
    )
    await client.start()
    await client.flush()
    expect(broker.last.of(FrameType.PUBLISH_NAMED)).toHaveLength(1)
  })

  it('says when to wait, and refuses past its limit', async () => {
    const { broker, client } = await started({}, { highWaterBytes: 1_024, maxOutboundBytes: 10_000 })
    broker.last.stream.takesMore = false
    const payload = new Uint8Array(1_000)
    client.publish('a', payload)
    await vi.waitFor(() => expect(broker.last.of(FrameType.PUBLISH_NAMED)).toHaveLength(1))
    client.publish('a', payload)
    expect(client.publish('a', payload)).toBe(false)
    let drained = false
    const waiting = client.drained().then(() => (drained = true))
    await Promise.resolve()
    expect(drained).toBe(false)
    expect(() => {
      for (let index = 0; index < 20; index++) client.publish('a', payload)
    }).toThrow(expect.objectContaining({ code: 'ERR_AETHER_QUEUE_FULL' }))
    broker.last.stream.takesMore = true
    broker.last.stream.handlers!.onDrain()
    await waiting
    expect(client.publish('a', payload)).toBe(true)
  })

  it('refuses requests and progress too while more waits than may, and takes the end of a task all the same', async () => {
    const { broker, client } = await started({}, { maxOutboundBytes: 10_000 })
    const tasks = client.tasks<string>({ onStatus: () => {}, onComplete: () => {}, onLost: () => {} })
    const leases: Lease[] = []
    await tasks.consume({ filter: 'u/j/t/x', workgroup: 'w', credit: 1, leaseMs: 1_000 }, (lease) =>
      leases.push(lease),
    )
    const taskBlock = new FrameWriter()
    const fields = {
      tid: 't',
      workgroup: 'w',
      waitForWorkers: true,
      priority: 0,
      attempts: 1,
      ttlMs: 0,
      delayMs: 0,
    }
    writeSend(taskBlock, 1, 0, 0, { ...fields, codec: 0, headers: undefined, body: new Uint8Array(0) })
    const frame = Buffer.concat(taskBlock.take())
    broker.last.say((writer) => {
      writeRoute(writer, 1, 'u/j/t/x')
      writeDeliver(writer, 1, 70, 1, 500, 1, frame.subarray(17))
    })
    broker.last.stream.takesMore = false
    client.publish('a', new Uint8Array(1))
    await vi.waitFor(() => expect(broker.last.of(FrameType.PUBLISH_NAMED)).toHaveLength(1))
    const body = new Uint8Array(3_000)
    const status = { status: 1, progress: 1, seq: 1, codec: 3, headers: undefined, body }
    const calls = Array.from({ length: 100 }, () => [
      leases[0]!.report(status),
      client.request('a', body),
    ]).flat()
    const codes = calls.map((call) =>
      call.then(
        () => 'done',
        (error: WireError) => error.code,
      ),
    )
    const ending = leases[0]!.ack(Outcome.succeed, { codec: 3, headers: undefined, body }, false)
    broker.last.stream.takesMore = true
    broker.last.stream.handlers!.onDrain()
    await ending
    broker.last.lose()
    const seen = await Promise.all(codes)
    expect(seen.filter((code) => code === 'ERR_AETHER_QUEUE_FULL')).toHaveLength(196)
    expect(seen.filter((code) => code === 'done')).toHaveLength(2)
  })

  it.each(['', 'a b', 'a/+', '#', 'a\u0000', '$broker/x', '\ud800', 'x'.repeat(20_000)])(
    'does not publish to %j',
    async (topic) => {
      const { client } = await started()
      expect(() => client.publish(topic, bytes('x'))).toThrow(
        expect.objectContaining({ code: 'ERR_AETHER_TOPIC_INVALID' }),
      )
    },
  )

  it.each(['', 'a#', 'a/#/b', '+a', 'a b', '$x'])('does not subscribe to %j', async (filter) => {
    const { client } = await started()
    expect((await rejection(client.subscribe(filter))).code).toBe('ERR_AETHER_TOPIC_INVALID')
  })

  it('does not send what the broker would not take', async () => {
    const { client } = await started({ maxFrameBytes: 70_000 })
    expect(() => client.publish('a', new Uint8Array(5_000))).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_PAYLOAD_TOO_LARGE' }),
    )
    expect((await rejection(client.request('a', new Uint8Array(5_000)))).code).toBe(
      'ERR_AETHER_PAYLOAD_TOO_LARGE',
    )
  })

  it('reports a callback that throws, and goes on', async () => {
    const warnings: WireError[] = []
    const { broker, client } = await started({}, { onWarning: (error) => warnings.push(error) })
    await client.subscribe('a', {
      onMessage: () => {
        throw new Error('mine')
      },
    })
    broker.last.say((writer) => writePublishNamed(writer, 'a', undefined, bytes('1')))
    expect(warnings[0]?.cause).toMatchObject({ message: 'mine' })
    expect(generationOf(client)).toBe(1)
  })

  it('gives a closed subscription nothing more, not even what another one is being given', async () => {
    const { broker, client } = await started()
    const seen: string[] = []
    const first = await client.subscribe('a', {
      onMessage: (message) => {
        seen.push(`first ${message.text()}`)
        void first.close()
        void second.close()
      },
    })
    const second = await client.subscribe('+', {
      onMessage: (message) => void seen.push(`second ${message.text()}`),
    })
    const third = await client.subscribe('#', {
      onMessage: (message) => void seen.push(`third ${message.text()}`),
    })
    broker.last.say((writer) => {
      writePublishNamed(writer, 'a', undefined, bytes('1'))
      writePublishNamed(writer, 'a', undefined, bytes('2'))
    })
    expect(seen).toEqual(['first 1', 'third 1', 'third 2'])
    await third.close()
  })

  it('unsubscribe ends the iteration that is under way, after what was queued', async () => {
    const { broker, client } = await started()
    const subscription = await client.subscribe('a')
    broker.last.say((writer) => {
      writePublishNamed(writer, 'a', undefined, bytes('1'))
      writePublishNamed(writer, 'a', undefined, bytes('2'))
    })
    const seen: string[] = []
    for await (const message of subscription) {
      seen.push(message.text())
      await client.unsubscribe('a')
      await client.unsubscribe('a')
    }
    expect(seen).toEqual(['1', '2'])
    expect(broker.last.names(FrameType.UNSUBSCRIBE)).toEqual(['a'])
  })

  it('rejects a subscription that the broker refuses', async () => {
    const { broker, client } = await started({ confirm: false })
    const subscribing = client.subscribe('a')
    await vi.waitFor(() => expect(broker.last.of(FrameType.SUBSCRIBE)).toHaveLength(1))
    broker.last.say((writer) => {
      writeRefuse(writer, 1, 'ERR_AETHER_QUEUE_FULL', 'too many', { retryable: true })
      writeConfirm(writer, 1)
    })
    expect(await rejection(subscribing)).toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL', retryable: true })
  })
})

describe('request/reply', () => {
  async function asked(
    client: Client,
    broker: ScriptBroker,
    topic: string,
  ): Promise<{ reply: Promise<string>; id: number }> {
    const reply = client.request(topic, bytes('?'), { timeoutMs: 5_000 }).then((message) => message.text())
    reply.catch(() => {})
    await vi.waitFor(() => expect(broker.last.of(FrameType.REQUEST)).toHaveLength(1))
    return { reply, id: broker.last.of(FrameType.REQUEST)[0]!.fields.u32() }
  }

  it('answers by correlation, whatever the order', async () => {
    const { broker, client } = await started()
    const replies = ['1', '2', '3'].map((text) => client.request('sum', bytes(text)))
    await vi.waitFor(() => expect(broker.last.of(FrameType.REQUEST)).toHaveLength(3))
    const ids = broker.last.of(FrameType.REQUEST).map(({ fields }) => fields.u32())
    broker.last.say((writer) => {
      for (const [index, id] of [...ids.entries()].reverse())
        writeReply(writer, id, undefined, bytes(`r${index}`))
    })
    expect((await Promise.all(replies)).map((message) => message.text())).toEqual(['r0', 'r1', 'r2'])
  })

  it('passes on why there is none', async () => {
    const { broker, client } = await started()
    const { reply, id } = await asked(client, broker, 'sum')
    broker.last.say((writer) => writeReplyError(writer, id, 'ERR_AETHER_RESPONDERS_NONE', 'nobody'))
    expect((await rejection(reply)).code).toBe('ERR_AETHER_RESPONDERS_NONE')
    // An answer that comes twice finds nobody.
    broker.last.say((writer) => writeReply(writer, id, undefined, bytes('late')))
    expect(generationOf(client)).toBe(1)
  })

  it('rejects what was under way when the connection is lost, and says that it may have run', async () => {
    const { broker, client } = await started()
    const { reply } = await asked(client, broker, 'sum')
    broker.last.lose()
    const error = await rejection(reply)
    expect(error).toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST', retryable: true })
    expect(error.message).toContain('may have been done')
  })

  it('ends at its own timeout when the broker says nothing', async () => {
    const { client } = await started()
    const error = await rejection(client.request('sum', bytes('?'), { timeoutMs: 10 }))
    expect(error.code).toBe('ERR_AETHER_REQUEST_TIMEOUT')
  })

  it('ends with the reason of its signal', async () => {
    const { client } = await started()
    const controller = new AbortController()
    const asking = client.request('sum', bytes('?'), { signal: controller.signal })
    const reason = new Error('no longer')
    controller.abort(reason)
    await expect(asking).rejects.toBe(reason)
    await expect(client.request('sum', bytes('?'), { signal: controller.signal })).rejects.toBe(reason)
  })

  it('bounds the requests under way', async () => {
    const { client } = await started({}, { maxPending: 1 })
    client.request('sum', bytes('?')).catch(() => {})
    expect((await rejection(client.request('sum', bytes('?')))).code).toBe('ERR_AETHER_QUEUE_FULL')
  })

  it('serves at once, later, and with an error', async () => {
    const { broker, client } = await started()
    await client.serve('now', (request) => bytes(`now ${request.text()}`))
    await client.serve('later', async () => ({ payload: bytes('later'), headers: { a: 'b' } }))
    await client.serve('never', () => {
      throw new Error('broken')
    })
    expect((await rejection(client.serve('now', () => bytes('')))).code).toBe('ERR_AETHER_HANDLER_DUPLICATE')
    broker.last.say((writer) => {
      for (const [index, topic] of ['now', 'later', 'never', 'unknown'].entries()) {
        writeRequest(writer, index + 1, 1_000, 0, topic, undefined, bytes('!'))
      }
    })
    await vi.waitFor(() => expect(broker.last.of(FrameType.REPLY)).toHaveLength(4))
    const replies = broker.last.of(FrameType.REPLY).map(({ bytes: frame, fields }) => {
      return `${fields.u32()} ${Buffer.from(frame.subarray(fields.position, fields.end)).toString('latin1')}`
    })
    expect(replies.sort()).toEqual([
      expect.stringMatching(/^1 .*now !$/s),
      expect.stringMatching(/^2 .*later$/s),
      expect.stringMatching(/^3 .*ERR_AETHER_TASK_FAILED.*broken$/s),
      expect.stringMatching(/^4 .*ERR_AETHER_RESPONDERS_NONE/s),
    ])
  })
})

describe('tasks', () => {
  const block = new Uint8Array([0, 0, 0])

  function sent(broker: ScriptBroker, index = 0): SendFrame {
    const frame = new SendFrame()
    readSend(broker.last.of(FrameType.SEND)[index]!.fields, frame)
    return frame
  }

  it('names a route once, and sends under one correlation a run', async () => {
    const { broker, client } = await started()
    const done: string[] = []
    const tasks = client.tasks<string>({ ...quiet, onComplete: (context) => done.push(context) })
    expect(await Promise.all([tasks.send(task('1'), 'one'), tasks.send(task('2'), 'two')])).toEqual([
      false,
      false,
    ])
    expect(broker.last.of(FrameType.ROUTE)).toHaveLength(1)
    const [first, second] = [sent(broker, 0), sent(broker, 1)]
    broker.last.say((writer) => {
      writeComplete(writer, second.correlation, Outcome.succeed, Reason.worker, 1, block)
      writeComplete(writer, second.correlation, Outcome.succeed, Reason.worker, 1, block)
      writeComplete(writer, first.correlation, Outcome.failed, Reason.worker, 1, block)
    })
    expect(done).toEqual(['two', 'one'])
  })

  it.each(['', 'u/j/t', 'u/j/t/x/y', 'u/j/t/+', 'u/j/ /x'])('does not send to route %j', async (route) => {
    const { client } = await started()
    const tasks = client.tasks<string>(quiet)
    const error = await rejection(tasks.send({ ...task('1'), route }, ''))
    expect(error.code).toBe('ERR_AETHER_TOPIC_INVALID')
    expect((await rejection(tasks.cancel(route, '1', ''))).code).toBe('ERR_AETHER_TOPIC_INVALID')
    expect((await rejection(tasks.attach(route, '1', ''))).code).toBe('ERR_AETHER_TOPIC_INVALID')
  })

  it('tells which tid was known', async () => {
    const { broker, client } = await started({ confirm: false })
    const tasks = client.tasks<string>(quiet)
    const sending = Promise.all([tasks.send(task('1'), ''), tasks.send(task('2'), '')])
    await vi.waitFor(() => expect(broker.last.of(FrameType.SEND)).toHaveLength(2))
    broker.last.say((writer) => {
      writeDeduplicated(writer, 2)
      writeConfirm(writer, 2)
    })
    expect(await sending).toEqual([false, true])
  })

  it('tells the waiter of a post what became of it, once, and throws nothing', async () => {
    const { broker, client } = await started()
    const tasks = client.tasks<string>(quiet)
    const heard: string[] = []
    const waiter = (name: string): SendWaiter => ({
      confirmed: (deduplicated) => heard.push(`${name} ${deduplicated}`),
      refused: (error) => heard.push(`${name} ${(error as WireError).code}`),
    })
    tasks.post(task('1'), '', waiter('first'))
    tasks.post({ ...task('2'), route: 'u/j' }, '', waiter('second'))
    expect(heard).toEqual(['second ERR_AETHER_TOPIC_INVALID'])
    await vi.waitFor(() => expect(heard).toHaveLength(2))
    broker.last.lose()
    tasks.post(task('3'), '', waiter('third'))
    await vi.waitFor(() => expect(heard).toHaveLength(3))
    // The first was said again with the second connection, before the third.
    expect(broker.last.of(FrameType.SEND)).toHaveLength(2)
    expect(heard.slice(1)).toEqual(['first false', 'third false'])
    await client.close()
    tasks.post(task('4'), '', waiter('fourth'))
    await vi.waitFor(() => expect(heard).toHaveLength(4))
    expect(heard[3]).toBe('fourth ERR_AETHER_TRANSPORT_CLOSED')
  })

  it('rejects with what its owner makes of the errors of leases', async () => {
    const { broker, client } = await started()
    const mapError = (error: unknown): Error =>
      Object.assign(new Error('mine', { cause: error }), { code: (error as WireError).code })
    const tasks = client.tasks<string>({ ...quiet, mapError })
    const leases: Lease[] = []
    const consuming = { filter: 'u/j/t/+', workgroup: 'g', credit: 2, leaseMs: 1_000 }
    await tasks.consume(consuming, (lease) => leases.push(lease))
    await tasks.send(task('1'), '')
    const { bytes: frame } = broker.last.of(FrameType.SEND)[0]!
    const given = sent(broker)
    broker.last.say((writer) => {
      writeRoute(writer, 1, 'u/j/t/x')
      writeDeliver(writer, 1, 70, 1, 500, 1, frame.subarray(given.blockAt, given.end))
    })
    const lease = leases[0]!
    const huge = { codec: 3, headers: undefined, body: new Uint8Array(2_000_000) }
    const mine = (code: string): object => expect.objectContaining({ message: 'mine', code })
    await expect(lease.ack(0, huge, false)).rejects.toEqual(mine('ERR_AETHER_PAYLOAD_TOO_LARGE'))
    await expect(lease.report({ ...huge, status: 1, progress: 1, seq: 1 })).rejects.toEqual(
      mine('ERR_AETHER_PAYLOAD_TOO_LARGE'),
    )
    const renewing = lease.renew()
    broker.last.lose()
    await expect(renewing).rejects.toEqual(mine('ERR_AETHER_LEASE_LOST'))
    await expect(renewing).rejects.toMatchObject({ cause: { message: expect.stringContaining('task 1 ') } })
    await expect(lease.renew()).rejects.toEqual(mine('ERR_AETHER_LEASE_LOST'))
    await expect(lease.release(0, false, huge)).rejects.toEqual(mine('ERR_AETHER_LEASE_LOST'))
  })

  it('sends open runs again under their tids, and what was accepted without asking for workers', async () => {
    const { broker, client } = await started()
    const tasks = client.tasks<string>(quiet)
    await tasks.send(task('1', { delayMs: 10_000 }), '')
    broker.last.lose()
    await vi.waitFor(() => expect(generationOf(client)).toBe(2))
    await vi.waitFor(() => expect(broker.last.of(FrameType.SEND)).toHaveLength(1))
    const again = sent(broker)
    expect(again).toMatchObject({ tid: '1', waitForWorkers: true })
    expect(again.delayMs).toBeLessThan(10_000)
    expect(again.deadlineMs).toBeLessThanOrEqual(60_000)
  })

  it('tells the run when the broker will not have it again', async () => {
    const { broker, client } = await started()
    const lost: string[] = []
    const tasks = client.tasks<string>({
      ...quiet,
      onLost: (context, error) => lost.push(`${context} ${error.code}`),
    })
    await tasks.send(task('1'), 'one')
    ;(broker.options as { confirm?: boolean }).confirm = false
    broker.last.lose()
    await vi.waitFor(() => expect(broker.connections).toHaveLength(2))
    await vi.waitFor(() => expect(broker.last.of(FrameType.SEND)).toHaveLength(1))
    broker.last.say((writer) => {
      writeRefuse(writer, 1, 'ERR_AETHER_QUEUE_FULL', 'full')
      writeConfirm(writer, 1)
    })
    expect(lost).toEqual(['one ERR_AETHER_QUEUE_FULL'])
  })

  it('rejects a send that no connection confirms in time', async () => {
    const broker = new ScriptBroker({ confirm: false })
    const client = made(broker, { connectTimeoutMs: 100 })
    await client.start()
    const tasks = client.tasks<string>(quiet)
    const sending = tasks.send(task('1'), '')
    await vi.waitFor(() => expect(broker.last.of(FrameType.SEND)).toHaveLength(1))
    broker.refusal = new Error('gone')
    broker.last.lose()
    expect((await rejection(sending)).code).toBe('ERR_AETHER_TRANSPORT_LOST')
  })

  it('revokes every lease when the connection is lost, and refuses its ack', async () => {
    const { broker, client } = await started()
    const tasks = client.tasks<string>(quiet)
    const revoked: string[] = []
    await tasks.consume({ filter: 'u/j/t/+', workgroup: 'g', credit: 2, leaseMs: 1_000 }, (lease) => {
      lease.onRevoke((reason) => {
        revoked.push(`${lease.id} ${reason.code}`)
        lease.ack(0, { codec: 0, headers: undefined, body: block }, false).catch((error: WireError) => {
          revoked.push(error.code)
        })
      })
    })
    await tasks.send(task('1'), '')
    const { bytes: frame } = broker.last.of(FrameType.SEND)[0]!
    const given = sent(broker)
    const taskBlock = frame.subarray(given.blockAt, given.end)
    broker.last.say((writer) => {
      writeRoute(writer, 1, 'u/j/t/x')
      writeDeliver(writer, 1, 70, 1, 500, 1, taskBlock)
      writeDeliver(writer, 1, 71, 1, 500, 1, taskBlock)
      writeRevoke(writer, 70, 2, 'user')
    })
    expect(revoked).toEqual(['70 ERR_AETHER_TASK_CANCELLED'])
    broker.last.lose()
    await vi.waitFor(() => expect(revoked).toHaveLength(4))
    expect(revoked).toContain('71 ERR_AETHER_LEASE_LOST')
    expect(revoked.filter((entry) => entry === 'ERR_AETHER_LEASE_LOST')).toHaveLength(2)
    await vi.waitFor(() => expect(broker.connections).toHaveLength(2))
    await vi.waitFor(() => expect(broker.last.of(FrameType.CONSUME)).toHaveLength(1))
  })

  it('gives back what comes for a consumer that was closed', async () => {
    const { broker, client } = await started()
    const tasks = client.tasks<string>(quiet)
    const consumer = await tasks.consume(
      { filter: 'u/j/t/x', workgroup: 'g', credit: 1, leaseMs: 1_000 },
      () => {
        throw new Error('never')
      },
    )
    await tasks.send(task('1'), '')
    await consumer.close()
    await consumer.close()
    const { bytes: frame } = broker.last.of(FrameType.SEND)[0]!
    const given = sent(broker)
    broker.last.say((writer) => {
      writeRoute(writer, 1, 'u/j/t/x')
      writeDeliver(writer, 1, 70, 1, 0, 1, frame.subarray(given.blockAt, given.end))
    })
    await vi.waitFor(() => expect(broker.last.of(FrameType.RELEASE)).toHaveLength(1))
    expect(broker.last.of(FrameType.CONSUME_STOP)).toHaveLength(1)
  })
})

describe('close', () => {
  it('confirms what is under way, says goodbye, rejects what waits and leaves no timer', async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const { broker, client } = await started({ heartbeatMs: 10_000 })
    const subscription = await client.subscribe('a')
    const reading = (async () => {
      for await (const _message of subscription) throw new Error('nothing comes')
      return 'ended'
    })()
    const asking = rejection(client.request('sum', bytes('?')))
    const [first, second] = [client.close(), client.close()]
    expect(first).toBe(second)
    await first
    expect(await reading).toBe('ended')
    expect((await asking).code).toBe('ERR_AETHER_TRANSPORT_CLOSED')
    expect(broker.last.of(FrameType.GOODBYE)).toHaveLength(1)
    expect(broker.last.stream.closed).toBe(true)
    expect((await rejection(client.flush())).code).toBe('ERR_AETHER_TRANSPORT_CLOSED')
    expect(() => client.publish('a', bytes('x'))).toThrow(WireError)
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeLessThanOrEqual(
      before,
    )
  })

  it('does not wait for confirmations once its signal aborts', async () => {
    const { client } = await started({ confirm: false }, { closeTimeoutMs: 60_000 })
    const subscribing = rejection(client.subscribe('a'))
    await client.close({ signal: AbortSignal.timeout(20) })
    expect((await subscribing).code).toBe('ERR_AETHER_TRANSPORT_CLOSED')
  })
})
