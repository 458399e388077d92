import {
  Codec,
  CompleteFrame,
  DeliverFrame,
  FrameType,
  FrameWriter,
  type Lease,
  type Message,
  Outcome,
  readComplete,
  readDeliver,
  readDropped,
  readToken,
  Reason,
  writeAck,
  writeCancel,
  writeConsume,
  writePublishNamed,
  writePong,
  writeRoute,
  writeSend,
} from '@aether/wire'
import { describe, expect, test } from 'vitest'
import { cursorOf, type RawClient } from '../raw-client.ts'
import { brokers, until } from '../running-broker.ts'
import { bodyOf, failWith, route, succeed, TaskClient } from '../task-client.ts'

const { start, client, raw } = brokers()

async function setup(options: Parameters<typeof start>[0] = {}) {
  const broker = await start(options)
  const [callerSession, workerSession] = [await client(broker), await client(broker)]
  const [caller, worker] = [new TaskClient(callerSession), new TaskClient(workerSession)]
  return { broker, callerSession, workerSession, caller, worker }
}

describe('the path of a task', () => {
  test('a task is delivered as it was sent, its progress and its end come back', async () => {
    const { broker, caller, worker } = await setup()
    await worker.consume((lease) => {
      expect(lease).toMatchObject({
        route,
        tid: 'one',
        attempt: 1,
        priority: 7,
        attempts: 4,
        codec: Codec.raw,
      })
      void lease.report({
        status: 1,
        progress: 50,
        seq: 1,
        codec: Codec.raw,
        headers: undefined,
        body: Buffer.from('half'),
      })
      void succeed(lease, `did ${bodyOf(lease)}`)
    })
    const run = await caller.send({ tid: 'one', body: Buffer.from('it'), priority: 7, attempts: 4 })
    expect(run.deduplicated).toBe(false)
    expect(await run.ending).toMatchObject({
      outcome: Outcome.succeed,
      reason: Reason.worker,
      attempt: 1,
      body: 'did it',
    })
    expect(run.statuses).toEqual(['1 50 half'])
    expect(broker.stats().tasks).toMatchObject({ accepted: 1, succeeded: 1, open: 0, leased: 0, bytes: 0 })
  })

  test('a thousand tasks over three workers: each once, all answered', async () => {
    const { broker, caller } = await setup()
    const done = new Map<string, number>()
    for (const credit of [1, 5, 50]) {
      const worker = new TaskClient(await client(broker))
      await worker.consume(
        (lease) => {
          done.set(lease.tid, (done.get(lease.tid) ?? 0) + 1)
          setImmediate(() => void succeed(lease, lease.tid))
        },
        { credit },
      )
    }
    const runs = await Promise.all(
      Array.from({ length: 1_000 }, (_, number) => caller.send({ tid: `n${number}` })),
    )
    const endings = await Promise.all(runs.map((run) => run.ending))
    expect(endings.map((ending) => ending.body)).toEqual(
      Array.from({ length: 1_000 }, (_, number) => `n${number}`),
    )
    expect([...done.values()].every((times) => times === 1)).toBe(true)
    expect(broker.stats().tasks).toMatchObject({ accepted: 1_000, succeeded: 1_000, open: 0 })
  })

  test('bodies near the limit', async () => {
    const { caller, worker } = await setup()
    await worker.consume((lease) => void succeed(lease, bodyOf(lease).toUpperCase()))
    const run = await caller.send({ body: Buffer.alloc(1_000_000, 'a') })
    expect((await run.ending).body).toBe('A'.repeat(1_000_000))
  })

  test('a body over the limit is refused, and the connection goes on', async () => {
    const { caller, worker } = await setup({ maxPayloadBytes: 1_000 })
    await worker.consume((lease) => void succeed(lease))
    await expect(caller.send({ body: new Uint8Array(1_001) })).rejects.toMatchObject({
      code: 'ERR_AETHER_PAYLOAD_TOO_LARGE',
    })
    expect((await (await caller.send()).ending).outcome).toBe(Outcome.succeed)
  })

  test('each workgroup gets a copy; the one that was named answers', async () => {
    const { broker, caller, worker } = await setup()
    const seen: string[] = []
    await worker.consume((lease) => {
      seen.push('worker')
      void succeed(lease, 'worked')
    })
    await worker.consume(
      (lease) => {
        seen.push('auditor')
        void succeed(lease, 'audited')
      },
      { workgroup: 'auditors' },
    )
    const run = await caller.send()
    expect((await run.ending).body).toBe('worked')
    await until(() => broker.stats().tasks.leased === 0)
    expect(seen.toSorted()).toEqual(['auditor', 'worker'])
  })

  test('consumers with wildcards take what matches', async () => {
    const { caller, worker } = await setup()
    await worker.consume((lease) => void succeed(lease, lease.route), { route: 'shop/image/+/+' })
    const runs = await Promise.all(
      ['resize/x', 'crop/y'].map((path) =>
        caller.send({ tid: path.slice(0, 4), route: `shop/image/${path}` }),
      ),
    )
    const bodies = await Promise.all(runs.map(async (run) => (await run.ending).body))
    expect(bodies).toEqual(['shop/image/resize/x', 'shop/image/crop/y'])
  })

  test('nobody works on it: refused at once, unless it may wait', async () => {
    const { caller, worker } = await setup()
    await expect(caller.send({ waitForWorkers: false })).rejects.toMatchObject({
      code: 'ERR_AETHER_WORKERS_NONE',
    })
    const run = await caller.send({ waitForWorkers: true })
    await worker.consume((lease) => void succeed(lease))
    expect((await run.ending).outcome).toBe(Outcome.succeed)
  })

  test.each(['a/b', 'a b', 'a+', '*'])(
    'a tid that cannot be a level of a topic is refused: %j',
    async (tid) => {
      const { caller } = await setup()
      await expect(caller.send({ tid })).rejects.toMatchObject({ code: expect.stringMatching(/_INVALID$/) })
    },
  )

  test('names that are no UTF-8, and a reason as long as can be, break nothing', async () => {
    const { broker, caller, worker } = await setup()
    const leases = await worker.hold()
    const run = await caller.send({ tid: 'victim' })
    await until(() => leases.length === 1)
    const hostile = await raw(broker)
    hostile.send((writer) => writeRoute(writer, 1, route))
    const task = { workgroup: 'w', waitForWorkers: true, priority: 0, attempts: 1, ttlMs: 0, delayMs: 0 }
    const writer = new FrameWriter()
    writeSend(writer, 1, 0, 0, {
      ...task,
      tid: 'x'.repeat(255),
      codec: Codec.none,
      headers: undefined,
      body: new Uint8Array(0),
    })
    const frame = Buffer.concat(writer.take())
    frame.fill(0xff, frame.indexOf('xxx'), frame.lastIndexOf('xxx') + 3)
    hostile.commands++
    hostile.socket.write(frame)
    expect(await hostile.settled(1)).toMatchObject({ code: 'ERR_AETHER_NAME_INVALID' })
    const cancel = new FrameWriter()
    writeCancel(cancel, 1, 'victim', 'y'.repeat(65_000))
    const bytes = Buffer.concat(cancel.take())
    bytes.fill(0xff, bytes.indexOf('yyy'))
    hostile.commands++
    hostile.socket.write(bytes)
    expect(await hostile.settled(2)).toBeUndefined()
    expect((await run.ending).message).toBe('\uFFFD'.repeat(1_024))
    await expect(succeed(leases[0]!)).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
    expect(broker.stats()).toMatchObject({ connections: 3, broken: 0 })
  })

  test('a full queue refuses', async () => {
    const { caller } = await setup({ limits: { maxQueued: 2 } })
    await caller.send()
    await caller.send()
    await expect(caller.send()).rejects.toMatchObject({ code: 'ERR_AETHER_QUEUE_FULL' })
  })
})

describe('credit', () => {
  test('a consumer holds no more than its credit', async () => {
    const { broker, caller, worker } = await setup()
    const leases = await worker.hold({ credit: 3 })
    await Promise.all(Array.from({ length: 10 }, () => caller.send()))
    await until(() => leases.length === 3)
    expect(broker.stats().tasks).toMatchObject({ leased: 3, queued: 7 })
    await succeed(leases[0]!)
    await until(() => leases.length === 4)
    expect(broker.stats().tasks).toMatchObject({ leased: 3, queued: 6 })
  })

  test.each([
    ['most-credit', [3, 5]],
    ['round-robin', [4, 4]],
  ] as const)('%s', async (dispatch, shares) => {
    const { broker, caller, worker } = await setup({ dispatch })
    const other = new TaskClient(await client(broker))
    const small = await worker.hold({ credit: 5 })
    const large = await other.hold({ credit: 7 })
    for (let number = 0; number < 8; number++) await caller.send()
    await until(() => small.length + large.length === 8)
    expect([small.length, large.length]).toEqual(shares)
  })

  test('random dispatch reaches everyone', async () => {
    const { broker, caller, worker } = await setup({ dispatch: 'random' })
    const other = new TaskClient(await client(broker))
    const [one, two] = [await worker.hold({ credit: 500 }), await other.hold({ credit: 500 })]
    await Promise.all(Array.from({ length: 200 }, () => caller.send()))
    await until(() => one.length + two.length === 200)
    expect(Math.min(one.length, two.length)).toBeGreaterThan(0)
  })

  test('a consumer that stops keeps its leases and gets nothing new', async () => {
    const { broker, caller, worker } = await setup()
    const leases: Lease[] = []
    const consumer = await worker.consume((lease) => void leases.push(lease))
    const run = await caller.send()
    await until(() => leases.length === 1)
    await consumer.close()
    await caller.send()
    expect(broker.stats().tasks).toMatchObject({ leased: 1, queued: 1 })
    await succeed(leases[0]!)
    expect((await run.ending).outcome).toBe(Outcome.succeed)
  })
})

describe('leases', () => {
  test('one that runs out is revoked and the task goes on elsewhere; its late end is refused', async () => {
    const { broker, caller, worker } = await setup()
    const other = new TaskClient(await client(broker))
    await other.consume((lease) => void succeed(lease, `attempt ${lease.attempt}`), { credit: 1 })
    // More credit, so the first choice; until it has let a lease run out.
    const slow = await worker.hold({ leaseMs: 60, credit: 5 })
    const run = await caller.send()
    await until(() => slow.length === 1)
    let revoked = ''
    slow[0]!.onRevoke((reason) => {
      revoked = reason.code
    })
    expect(await run.ending).toMatchObject({ body: 'attempt 2', attempt: 2 })
    await until(() => revoked !== '')
    expect(revoked).toBe('ERR_AETHER_LEASE_LOST')
    await expect(succeed(slow[0]!)).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
    expect(broker.stats().tasks).toMatchObject({ leasesLost: 1, redelivered: 1 })
  })

  test('a client that is frozen costs a task one attempt; whatever it says when it is back brings it work again', async () => {
    const { broker, caller } = await setup()
    const frozen = await raw(broker)
    await frozen.command((writer) =>
      writeConsume(writer, {
        consumer: 1,
        filter: route,
        workgroup: 'workers',
        credit: 1,
        leaseMs: 40,
        pool: 0,
        poolCredit: 0,
      }),
    )
    const run = await caller.send()
    await frozen.next(FrameType.DELIVER)
    await frozen.next(FrameType.REVOKE)
    const ping = await frozen.next(FrameType.PING)
    expect(broker.stats().tasks).toMatchObject({ leasesLost: 1, queued: 1, leased: 0 })
    frozen.send((writer) => writePong(writer, readToken(cursorOf(ping))))
    await frozen.next(FrameType.DELIVER)
    await frozen.next(FrameType.REVOKE)
    expect(broker.stats().tasks).toMatchObject({ leasesLost: 2, queued: 1 })
    const other = new TaskClient(await client(broker))
    await other.consume((lease) => void succeed(lease, 'done'))
    expect(await run.ending).toMatchObject({ body: 'done', attempt: 3 })
  })

  test('renewals keep it', async () => {
    const { broker, caller, worker } = await setup()
    const leases = await worker.hold({ leaseMs: 1_000 })
    const run = await caller.send()
    await until(() => leases.length === 1)
    const begun = performance.now()
    while (performance.now() - begun < 1_500) await leases[0]!.renew()
    await succeed(leases[0]!)
    expect(await run.ending).toMatchObject({ attempt: 1 })
    expect(broker.stats().tasks.leasesLost).toBe(0)
  })

  test('the end of a connection returns its leases at once', async () => {
    const { broker, caller, worker, workerSession } = await setup()
    const leases = await worker.hold({ leaseMs: 600_000 })
    const run = await caller.send()
    await until(() => leases.length === 1)
    const other = new TaskClient(await client(broker))
    await other.consume((lease) => void succeed(lease, `attempt ${lease.attempt}`))
    await workerSession.close()
    expect((await run.ending).body).toBe('attempt 2')
  })

  test('release gives a task back, now or after a delay', async () => {
    const { broker, caller, worker } = await setup()
    const times: number[] = []
    await worker.consume((lease) => {
      times.push(performance.now())
      if (lease.attempt === 1)
        void lease.release(150, false, { codec: Codec.none, headers: undefined, body: new Uint8Array(0) })
      else void succeed(lease)
    })
    const run = await caller.send({ attempts: 1 })
    await until(() => broker.stats().tasks.delayed === 1)
    expect(await run.ending).toMatchObject({ outcome: Outcome.succeed, attempt: 2 })
    expect(times[1]! - times[0]!).toBeGreaterThan(140)
  })
})

describe('retries and dead letters', () => {
  test('a task that fails is tried again, and past its attempts it is a dead letter', async () => {
    const { broker, caller, worker, callerSession } = await setup()
    let tries = 0
    const consumer = await worker.consume((lease) => {
      tries++
      void failWith(lease, `no ${tries}`)
    })
    const run = await caller.send({ tid: 'bad', attempts: 3, body: Buffer.from('stuff') })
    expect(await run.ending).toMatchObject({
      outcome: Outcome.failed,
      reason: Reason.attemptsExhausted,
      attempt: 3,
      code: 'ERR_AETHER_TASK_FAILED',
      message: 'no 3',
    })
    const letter = {
      tid: 'bad',
      route,
      workgroup: 'workers',
      attempts: 3,
      reason: 'attempts-exhausted',
      errorMessage: 'no 3',
    }
    expect(broker.deadLetters()).toEqual([expect.objectContaining(letter)])
    const listed: unknown = JSON.parse(
      (await callerSession.request('$broker/dead-letters', new Uint8Array(0))).text(),
    )
    expect(listed).toEqual([expect.objectContaining(letter)])
    await consumer.close()

    const bodies: string[] = []
    await worker.consume((lease) => {
      bodies.push(`${lease.tid} ${bodyOf(lease)} ${lease.attempts}`)
      void succeed(lease)
    })
    expect(broker.redrive({ route, workgroup: 'workers', tid: 'other' })).toBeUndefined()
    expect(broker.redrive({ route, workgroup: 'workers', tid: 'bad' })).toBe('bad~1')
    await until(() => bodies.length === 1)
    expect(bodies).toEqual(['bad~1 stuff 3'])
    expect(broker.deadLetters()).toEqual([])
  })

  test('a worker may reject a task for good', async () => {
    const { broker, caller, worker } = await setup()
    await worker.consume((lease) => {
      const headers = { e: 'ERR_AETHER_INPUT_INVALID', m: 'not an image' }
      void lease.ack(Outcome.failed, { codec: Codec.none, headers, body: new Uint8Array(0) }, true)
    })
    const run = await caller.send({ tid: 'odd' })
    expect(await run.ending).toMatchObject({
      outcome: Outcome.failed,
      reason: Reason.worker,
      message: 'not an image',
    })
    expect(broker.deadLetters()).toEqual([
      expect.objectContaining({ tid: 'odd', reason: 'rejected', errorCode: 'ERR_AETHER_INPUT_INVALID' }),
    ])
  })

  test('a redriven letter that fails again gets the next number', async () => {
    const { broker, caller, worker } = await setup()
    await worker.consume((lease) => void failWith(lease, 'no'))
    await (
      await caller.send({ tid: 'bad', attempts: 1 })
    ).ending
    for (const next of ['bad~1', 'bad~2', 'bad~3']) {
      const { tid } = broker.deadLetters()[0]!
      expect(broker.redrive({ route, workgroup: 'workers', tid })).toBe(next)
      await until(() => broker.deadLetters()[0]?.tid === next)
    }
  })
})

describe('cancel, deadline, time to live', () => {
  test('a queued task', async () => {
    const { caller } = await setup()
    const run = await caller.send({ tid: 'q' })
    await caller.cancel('q', 'changed my mind')
    expect(await run.ending).toMatchObject({
      outcome: Outcome.cancelled,
      reason: Reason.cancelled,
      attempt: 0,
      message: 'changed my mind',
    })
  })

  test('a running task: its worker is told', async () => {
    const { caller, worker } = await setup()
    const leases = await worker.hold()
    const run = await caller.send({ tid: 'r' })
    await until(() => leases.length === 1)
    const revoked = new Promise<string>((resolve) =>
      leases[0]!.onRevoke((reason) => resolve(`${reason.code}: ${reason.message}`)),
    )
    await caller.cancel('r', 'user left')
    expect(await run.ending).toMatchObject({ outcome: Outcome.cancelled, attempt: 1 })
    expect(await revoked).toMatch(/^ERR_AETHER_TASK_CANCELLED: .*user left/)
    await expect(succeed(leases[0]!)).rejects.toMatchObject({ code: 'ERR_AETHER_LEASE_LOST' })
  })

  test('an unknown task, and one that is over', async () => {
    const { caller, worker } = await setup()
    await expect(caller.cancel('never')).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_UNKNOWN' })
    await worker.consume((lease) => void succeed(lease))
    await (
      await caller.send({ tid: 'over' })
    ).ending
    await expect(caller.cancel('over')).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_UNKNOWN' })
  })

  test('a deadline ends a running task, a time to live a waiting one', async () => {
    const { caller, worker } = await setup()
    const waiting = await caller.send({ ttlMs: 40 })
    expect(await waiting.ending).toMatchObject({
      outcome: Outcome.expired,
      reason: Reason.queueTtl,
      attempt: 0,
    })
    const leases = await worker.hold()
    const running = await caller.send({ deadlineMs: 500 })
    expect(await running.ending).toMatchObject({
      outcome: Outcome.expired,
      reason: Reason.deadline,
      attempt: 1,
    })
    expect(leases).toHaveLength(1)
  })

  test('a delay', async () => {
    const { caller, worker } = await setup()
    await worker.consume((lease) => void succeed(lease))
    const begun = performance.now()
    await (
      await caller.send({ delayMs: 120 })
    ).ending
    expect(performance.now() - begun).toBeGreaterThan(110)
  })
})

describe('watching', () => {
  test('the same tid again joins the run; after its end, it gets the end', async () => {
    const { broker, caller, worker } = await setup()
    const leases = await worker.hold()
    const first = await caller.send({ tid: 'once' })
    const second = await new TaskClient(await client(broker)).send({ tid: 'once' })
    expect([first.deduplicated, second.deduplicated]).toEqual([false, true])
    await until(() => leases.length === 1)
    await succeed(leases[0]!, 'shared')
    expect([(await first.ending).body, (await second.ending).body]).toEqual(['shared', 'shared'])
    const third = await caller.send({ tid: 'once' })
    expect([third.deduplicated, (await third.ending).body]).toEqual([true, 'shared'])
    expect(broker.stats().tasks).toMatchObject({ accepted: 1, deduplicated: 2, succeeded: 1 })
  })

  test('attach, while it runs and after its end', async () => {
    const { broker, caller, worker } = await setup()
    const leases = await worker.hold()
    await caller.send({ tid: 'seen' })
    await until(() => leases.length === 1)
    const other = new TaskClient(await client(broker))
    const run = await other.attach('seen')
    await leases[0]!.report({
      status: 1,
      progress: 10,
      seq: 1,
      codec: Codec.none,
      headers: undefined,
      body: new Uint8Array(0),
    })
    await succeed(leases[0]!, 'end')
    expect((await run.ending).body).toBe('end')
    expect(run.statuses).toEqual(['1 10 '])
    expect((await (await other.attach('seen')).ending).body).toBe('end')
    await expect(other.attach('unseen')).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_UNKNOWN' })
  })

  test('results weigh: past their limit the oldest are forgotten', async () => {
    const { caller, worker } = await setup({ limits: { maxResultBytes: 250_000 } })
    await worker.consume((lease) => void succeed(lease, 'x'.repeat(100_000)))
    for (const tid of ['t1', 't2', 't3']) await (await caller.send({ tid })).ending
    await expect(caller.attach('t1')).rejects.toMatchObject({ code: 'ERR_AETHER_TASK_UNKNOWN' })
    expect((await (await caller.attach('t2')).ending).body).toHaveLength(100_000)
  })

  test('a task outlives its caller', async () => {
    const { broker, caller, callerSession, worker } = await setup()
    const leases = await worker.hold()
    await caller.send({ tid: 'orphan' })
    await until(() => leases.length === 1)
    await callerSession.close()
    await succeed(leases[0]!, 'kept')
    const heir = new TaskClient(await client(broker))
    expect((await (await heir.attach('orphan')).ending).body).toBe('kept')
  })

  test('events reach those who subscribed, with the fields of the envelope', async () => {
    const { broker, caller, worker } = await setup()
    const listener = await client(broker)
    const seen: Message[] = []
    await listener.subscribe('shop/image/resize/x/+/+', { onMessage: (message) => void seen.push(message) })
    const leases = await worker.hold()
    await caller.send({ tid: 'loud' })
    await until(() => leases.length === 1)
    const headers = { c: 'worker-1', h: 'here' }
    await leases[0]!.report({
      status: 1,
      progress: 25,
      seq: 3,
      codec: Codec.json,
      headers,
      body: Buffer.from('{"n":1}'),
    })
    await succeed(leases[0]!, 'end')
    await caller.send({ tid: 'quiet' })
    await caller.cancel('quiet', 'why not')
    await until(() => seen.length === 3)
    const fields = seen.map((message) => ({ topic: message.topic, body: message.text(), ...message.headers }))
    expect(fields).toEqual([
      {
        topic: `${route}/loud/status`,
        body: '{"n":1}',
        c: 'worker-1',
        h: 'here',
        s: 'progress',
        p: '25',
        q: '3',
        a: '1',
        k: 'json',
        w: 'workers',
      },
      { topic: `${route}/loud/complete`, body: 'end', s: 'succeed', a: '1', k: 'raw', w: 'workers' },
      {
        topic: `${route}/quiet/complete`,
        body: '',
        s: 'cancelled',
        a: '1',
        o: 'cancelled',
        m: 'why not',
        w: 'workers',
      },
    ])
  })
})

describe('clients that do not read', () => {
  const consumeAll = (frozen: RawClient): Promise<void> =>
    frozen.command((writer) =>
      writeConsume(writer, {
        consumer: 1,
        filter: route,
        workgroup: 'workers',
        credit: 300,
        leaseMs: 60_000,
        pool: 0,
        poolCredit: 0,
      }),
    )
  const body = new Uint8Array(100_000)

  test('a frozen worker gets nothing more; others do, and itself again once it reads', async () => {
    const { broker, caller, worker } = await setup({ highWaterBytes: 262_144 })
    const frozen = await raw(broker)
    await consumeAll(frozen)
    frozen.socket.pause()
    for (let number = 0; number < 200; number++) await caller.send({ body })
    const { leased, queued } = broker.stats().tasks
    expect(leased + queued).toBe(200)
    expect(queued).toBeGreaterThan(0)
    let others = 0
    const consumer = await worker.consume(
      (lease) => {
        others++
        void succeed(lease)
      },
      { credit: 5 },
    )
    await until(() => others === queued)
    await consumer.close()
    for (let number = 0; number < 10; number++) await caller.send({ tid: `late${number}`, body })
    expect(broker.stats().tasks.queued).toBe(10)

    frozen.socket.resume()
    const tids = new Set<string>()
    for (let number = 0; number < leased + 10; number++) {
      const deliver = new DeliverFrame()
      readDeliver(cursorOf(await frozen.next(FrameType.DELIVER)), deliver)
      expect(deliver.consumer).toBe(1)
      tids.add(deliver.tid)
      frozen.commands++
      frozen.send((writer) =>
        writeAck(writer, deliver.lease, Outcome.succeed, false, {
          codec: Codec.none,
          headers: undefined,
          body: new Uint8Array(0),
        }),
      )
    }
    await until(() => broker.stats().tasks.open === 0)
    expect(tids.size).toBe(leased + 10)
    expect(broker.stats().tasks).toMatchObject({ succeeded: 210, redelivered: 0, leasesLost: 0 })
  })

  test('nor does a frozen worker get more by consuming once more', async () => {
    const { broker, caller } = await setup({ highWaterBytes: 65_536 })
    const frozen = await raw(broker)
    await consumeAll(frozen)
    frozen.socket.pause()
    for (let number = 0; number < 200; number++) await caller.send({ body })
    expect(broker.stats().tasks.queued).toBeGreaterThan(0)
    frozen.send((writer) => {
      writeConsume(writer, {
        consumer: 2,
        filter: route,
        workgroup: 'workers',
        credit: 300,
        leaseMs: 60_000,
        pool: 0,
        poolCredit: 0,
      })
      writePublishNamed(writer, 'heard', undefined, new Uint8Array(0))
    })
    await until(() => broker.stats().published === 1)
    expect(broker.stats().tasks.queued).toBeGreaterThan(0)
    frozen.socket.resume()
    await until(() => broker.stats().tasks.queued === 0)
  })

  test('a worker that was held back gets no more than its credit in all', async () => {
    const { broker, caller } = await setup({ highWaterBytes: 65_536 })
    const frozen = await raw(broker)
    await frozen.command((writer) =>
      writeConsume(writer, {
        consumer: 1,
        filter: route,
        workgroup: 'workers',
        credit: 60,
        leaseMs: 60_000,
        pool: 0,
        poolCredit: 0,
      }),
    )
    frozen.socket.pause()
    for (let number = 0; number < 100; number++) await caller.send({ body })
    expect(broker.stats().tasks.leased).toBeLessThan(60)
    frozen.socket.resume()
    await until(() => broker.stats().tasks.leased === 60)
    await frozen.command((writer) =>
      writeConsume(writer, {
        consumer: 2,
        filter: 'a/b/c/d',
        workgroup: 'w',
        credit: 1,
        leaseMs: 60_000,
        pool: 0,
        poolCredit: 0,
      }),
    )
    expect(broker.stats().tasks).toMatchObject({ leased: 60, queued: 40 })
  })

  test('a caller that does not read misses progress, and gets its result', async () => {
    const { broker, worker } = await setup({ highWaterBytes: 65_536 })
    const leases = await worker.hold()
    const stuck = await raw(broker)
    stuck.send((writer) => writeRoute(writer, 1, route))
    const task = {
      tid: 't',
      workgroup: 'workers',
      waitForWorkers: true,
      priority: 0,
      attempts: 1,
      ttlMs: 0,
      delayMs: 0,
    }
    await stuck.command((writer) =>
      writeSend(writer, 1, 7, 0, { ...task, codec: Codec.none, headers: undefined, body: new Uint8Array(0) }),
    )
    stuck.socket.pause()
    await until(() => leases.length === 1)
    const status = {
      status: 1,
      progress: 1,
      codec: Codec.raw,
      headers: undefined,
      body: new Uint8Array(60_000),
    }
    let sent = 0
    while (broker.stats().dropped === 0) await leases[0]!.report({ ...status, seq: ++sent })
    await succeed(leases[0]!, 'result')
    stuck.socket.resume()
    const complete = new CompleteFrame()
    const cursor = cursorOf(await stuck.next(FrameType.COMPLETE))
    readComplete(cursor, complete)
    expect(complete).toMatchObject({ correlation: 7, outcome: Outcome.succeed })
    const missed = readDropped(cursorOf(await stuck.next(FrameType.DROPPED)))
    expect(missed).toBe(broker.stats().dropped)
    expect(stuck.frames.filter((frame) => frame.type === FrameType.STATUS)).toHaveLength(sent - missed)
  })
})

test('headers as long as can be: events are shortened, blocks that would not fit are refused, nothing breaks', async () => {
  const { broker, caller, worker } = await setup({ maxPayloadBytes: 1_000 })
  const listener = await client(broker)
  const seen: Message[] = []
  await listener.subscribe('#', { onMessage: (message) => void seen.push(message) })
  const leases = await worker.hold()
  const run = await caller.send()
  await caller.send()
  await until(() => leases.length === 2)
  const complete = (bytes: number, body: number) => ({
    codec: Codec.raw,
    headers: { x: 'v'.repeat(bytes - 4) },
    body: new Uint8Array(body),
  })
  await expect(leases[1]!.ack(Outcome.succeed, complete(65_510, 1_000), false)).rejects.toMatchObject({
    code: 'ERR_AETHER_PAYLOAD_TOO_LARGE',
  })
  await leases[0]!.ack(Outcome.succeed, complete(65_510, 0), false)
  expect((await run.ending).outcome).toBe(Outcome.succeed)
  await until(() => seen.length === 1)
  expect({ ...seen[0]!.headers }).toEqual({ s: 'succeed', a: '1', k: 'raw', w: 'workers' })
  expect(broker.stats()).toMatchObject({ connections: 3, broken: 0 })
})

test('draining lets running tasks end and takes no new ones', async () => {
  const { broker, caller, worker } = await setup()
  const leases = await worker.hold()
  const run = await caller.send()
  await until(() => leases.length === 1)
  const drained = broker.drain({ graceMs: 10_000 })
  await expect(caller.send()).rejects.toMatchObject({
    code: expect.stringMatching(/ERR_AETHER_(TRANSPORT|CLIENT)_CLOSED|LOST/),
  })
  expect(broker.state.status).toBe('closing')
  await succeed(leases[0]!, 'just in time')
  expect((await run.ending).body).toBe('just in time')
  await drained
  expect(broker.state.status).toBe('closed')
})

test('a drain whose grace is over ends all the same', async () => {
  const { broker, caller, worker } = await setup()
  const leases = await worker.hold()
  await caller.send()
  await until(() => leases.length === 1)
  await broker.drain({ graceMs: 30 })
  expect(broker.state.status).toBe('closed')
})
