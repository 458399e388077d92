import { describe, expect, it } from 'vitest'

import { defineTask } from '../../src/define/define-task.ts'
import { AetherError } from '../../src/errors.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, gate, setUp, untilAborted, work } from '../support/settings.ts'

const other = defineTask({ job: 'test', task: 'other' })

describe('worker.handle', () => {
  it('takes one handler a task and context', () => {
    const { aether } = setUp()
    const worker = aether.worker().handle(echo, () => 1)
    expect(() => worker.handle(echo, () => 2)).toThrowError(
      expect.objectContaining({ code: 'ERR_AETHER_HANDLER_DUPLICATE' }) as Error,
    )
    worker.handle(echo, () => 2, { context: 'prod' })
  })

  it.each<[string, unknown[]]>([
    ['handler', [echo, 'not a function']],
    ['concurrency', [echo, () => 1, { concurrency: 0 }]],
    ['leaseMs', [echo, () => 1, { leaseMs: 5 }]],
    ['retries', [echo, () => 1, { retries: 5 }]],
    ['definition', [{ job: 'a' }, () => 1]],
  ])('refuses a wrong %s', (name, args) => {
    const { aether } = setUp()
    const handle = (): unknown => aether.worker().handle(...(args as [never, never, never]))
    expect(handle).toThrowError(expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error)
    expect(handle).toThrowError(new RegExp(name))
  })

  it('comes before start', async () => {
    const { aether } = setUp()
    const worker = await work(aether, echo, () => 1)
    expect(() => worker.handle(other, () => 1)).toThrowError(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})

describe('aether.worker', () => {
  it.each([
    ['concurrency', { concurrency: 0 }],
    ['concurrency', { concurrency: '4' }],
    ['presenceMs', { presenceMs: 1 }],
    ['graceMs', { graceMs: -1 }],
    ['announce', { announce: 1 }],
    ['middleware', { middleware: [1] }],
    ['channel', { channel: 1 }],
    ['threads', { threads: 4 }],
  ])('refuses a wrong %s', (name, options) => {
    const { aether } = setUp()
    const make = (): unknown => aether.worker(options as never)
    expect(make).toThrowError(expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error)
    expect(make).toThrowError(new RegExp(name))
  })
})

describe('workers that name the same pool', () => {
  it('take no more together than one of them may', async () => {
    const { aether } = setUp()
    const gates = [gate(), gate()]
    const begun: string[] = []
    const options = { pool: 'one-at-a-time', concurrency: 1 }
    await work(aether, echo, () => (begun.push('echo'), gates[0]?.promise), options)
    await work(aether, other, () => (begun.push('other'), gates[1]?.promise), options)
    const runs = [aether.perform(echo, 1), aether.perform(other, 2)]
    await settleDown()
    expect(begun).toEqual(['echo'])
    gates[0]?.open()
    await runs[0]
    await settleDown()
    expect(begun).toEqual(['echo', 'other'])
    gates[1]?.open()
    await runs[1]
  })

  it('must give it a name', () => {
    const { aether } = setUp()
    expect(() => aether.worker({ pool: 'a/b' })).toThrowError(
      expect.objectContaining({ code: 'ERR_AETHER_NAME_INVALID' }) as Error,
    )
  })
})

describe('worker.start', () => {
  it('needs a handler', async () => {
    const { aether } = setUp()
    const worker = aether.worker()
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_AETHER_HANDLER_MISSING' })
    expect(worker.state).toMatchObject({ status: 'failed' })
  })

  it('consumes once, however often it is called', async () => {
    const { aether, hub } = setUp()
    const worker = aether
      .worker()
      .handle(echo, () => 1)
      .handle(other, () => 2)
    await Promise.all([worker.start(), worker.start()])
    expect(hub.consumers.size).toBe(2)
    expect(worker.state).toEqual({ status: 'ready' })
  })

  it('leaves nothing behind when it fails half way', async () => {
    const { aether, transport, hub } = setUp()
    const consume = transport.consume.bind(transport)
    let calls = 0
    transport.consume = (...args) => {
      calls += 1
      if (calls === 2) return Promise.reject(new AetherError('ERR_AETHER_TRANSPORT_LOST', 'gone'))
      return consume(...args)
    }
    const worker = aether
      .worker()
      .handle(echo, () => 1)
      .handle(other, () => 2)
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_AETHER_TRANSPORT_LOST' })
    expect(hub.consumers.size).toBe(0)
  })

  it('refuses a workgroup where the transport has none', async () => {
    const { aether, transport } = setUp()
    Object.assign(transport, { capabilities: { ...transport.capabilities, groups: false } })
    await expect(
      aether
        .worker({ workgroup: 'audit' })
        .handle(echo, () => 1)
        .start(),
    ).rejects.toMatchObject({
      code: 'ERR_AETHER_CAPABILITY_UNSUPPORTED',
    })
  })

  it('is refused after close', async () => {
    const { aether } = setUp()
    const worker = aether.worker().handle(echo, () => 1)
    await worker.close()
    await expect(worker.start()).rejects.toMatchObject({ code: 'ERR_AETHER_WORKER_CLOSED' })
  })
})

describe('concurrency', () => {
  it('holds over all tasks of a worker, and for each', async () => {
    const { aether } = setUp()
    const opened = gate()
    const worker = aether
      .worker({ concurrency: 3, presenceMs: 0 })
      .handle(echo, () => opened.promise, { concurrency: 2 })
      .handle(other, () => opened.promise)
    await worker.start()
    const runs = Array.from({ length: 5 }, () => [aether.perform(echo), aether.perform(other)]).flat()
    await Promise.all(runs.map((run) => run.accepted))
    await settleDown()
    expect(worker.stats.active).toBe(3)
    opened.open()
    await Promise.all(runs)
    expect(worker.stats).toMatchObject({ active: 0, succeeded: 10 })
  })
})

describe('what a worker cannot work on', () => {
  it('goes back with ERR_AETHER_HANDLER_MISSING when it is another task, and the worker works on', async () => {
    const { aether, hub, log } = setUp()
    const worker = await work(aether, echo, (input) => input)
    const released: unknown[] = []
    const [consumer] = hub.consumers
    const message = { ...sample, route: { ...sample.route, task: 'foreign' } }
    consumer?.handler({
      task: message,
      attempt: 1,
      onRevoke: () => {},
      renew: () => Promise.resolve(),
      report: () => Promise.resolve(),
      ack: () => Promise.reject(new Error('not this')),
      release: (options) => Promise.resolve(void released.push(options)),
    })
    expect(released).toMatchObject([{ failed: true, error: { code: 'ERR_AETHER_HANDLER_MISSING' } }])
    expect(log.some((line) => line.includes('no handler for test/foreign'))).toBe(true)
    expect(await aether.perform(echo, 'still here')).toBe('still here')
    expect(worker.stats.active).toBe(0)
  })

  it('fails the task when its body cannot be decoded', async () => {
    const { aether, transport } = setUp()
    await work(aether, echo, (input) => input)
    const send = transport.send.bind(transport)
    transport.send = (task) => send({ ...task, body: new TextEncoder().encode('{') })
    await expect(aether.perform(echo, 1)).rejects.toMatchObject({ code: 'ERR_AETHER_PAYLOAD_UNDECODABLE' })
  })
})

const sample = {
  route: { union: 'u', job: 'test', task: 'echo', context: 'x' },
  tid: 'sample',
  workgroup: 'workers',
  body: new Uint8Array(),
  codec: 'json' as const,
  attempts: 1,
  deadline: 1_700_000_060_000,
  ttlMs: 0,
  delayMs: 0,
  priority: 4,
  waitForWorkers: false,
  client: 'c',
  host: 'h',
}

describe('a task that comes twice', () => {
  it('is not worked on again when its completion did not get through: the completion is sent again', async () => {
    const { aether, hub, clock } = setUp()
    let calls = 0
    const worker = await work(aether, echo, () => (calls += 1))
    hub.before.ack = (complete) => {
      delete hub.before.ack
      hub.revoke(complete.tid, 'ERR_AETHER_LEASE_LOST')
    }
    const run = aether.perform(echo)
    await clock.advance(100)
    expect(await run.settle()).toMatchObject({ status: 'succeeded', value: 1, attempt: 2 })
    expect(calls).toBe(1)
    expect(worker.stats).toMatchObject({ deduplicated: 1, refused: 1 })
  })

  it('is answered from the store on transports that deliver twice by their nature', async () => {
    const { aether, hub } = setUp({ capabilities: { redelivery: 'lease' } })
    let calls = 0
    await work(aether, echo, () => (calls += 1))
    await aether.perform(echo, 1, { tid: 'twice' })
    hub.tasks.delete('twice')
    expect(await aether.perform(echo, 1, { tid: 'twice' })).toBe(1)
    expect(calls).toBe(1)
  })

  it('is worked on again where the engine tells tasks apart itself', async () => {
    const { aether, hub } = setUp()
    let calls = 0
    await work(aether, echo, () => (calls += 1))
    await aether.perform(echo, 1, { tid: 'twice' })
    hub.tasks.delete('twice')
    expect(await aether.perform(echo, 1, { tid: 'twice' })).toBe(2)
  })
})

describe('announce', () => {
  it('says that a task was taken', async () => {
    const { aether } = setUp()
    const heard: string[] = []
    await aether.listen('test', 'echo', '+', 'status', 'workers', ({ event }) => {
      if (event.action === 'status') heard.push(`${event.status} ${event.seq}`)
    })
    await work(aether, echo, (_input, ctx) => ctx.progress('mine'), { announce: true })
    await aether.perform(echo)
    await settleDown()
    expect(heard).toEqual(['initialized 1', 'progress 2'])
  })
})

describe('drain', () => {
  it('stops intake, lets handlers finish, and closes', async () => {
    const { aether, hub } = setUp()
    const opened = gate<string>()
    const worker = await work(aether, echo, () => opened.promise)
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    const drained = worker.drain({ graceMs: 10_000 })
    await settleDown()
    expect(worker.state).toEqual({ status: 'draining' })
    expect(hub.consumers.size).toBe(0)
    opened.open('finished')
    await drained
    expect(await run).toBe('finished')
    expect(worker.state).toEqual({ status: 'closed' })
  })

  it('tells handlers at its start through ctx.draining, and aborts their signal after the grace', async () => {
    const { aether, clock } = setUp()
    const told: string[] = []
    const worker = await work(aether, echo, (_input, ctx) => {
      ctx.draining.addEventListener('abort', () => told.push(`draining at ${clock.monotonic()}`))
      ctx.signal.addEventListener('abort', () =>
        told.push(`${(ctx.signal.reason as AetherError).code} at ${clock.monotonic()}`),
      )
      return untilAborted(ctx.signal)
    })
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    const drained = worker.drain({ graceMs: 2_000 })
    await clock.advance(2_500)
    await drained
    expect(told).toEqual(['draining at 0', 'ERR_AETHER_WORKER_SHUTDOWN at 2000'])
  })

  it('gives unfinished tasks back, which go on elsewhere and have not failed', async () => {
    const { aether, clock } = setUp()
    const first = await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal))
    const run = aether.perform(echo, 1, { attempts: 1 })
    await run.accepted
    await settleDown()
    await work(aether, echo, (_input, ctx) => `second, attempt ${ctx.attempt}`)
    const drained = first.drain({ graceMs: 100 })
    await clock.advance(200)
    await drained
    expect(await run).toBe('second, attempt 2')
    expect(first.stats).toMatchObject({ active: 0, returned: 1, failed: 0 })
  })

  it('gives back also what does not listen to its signal', async () => {
    const { aether, clock, hub } = setUp()
    const worker = await work(aether, echo, () => new Promise(() => {}))
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    const drained = worker.drain({ graceMs: 100 })
    await clock.advance(1_200)
    await drained
    expect(hub.tasks.get(run.tid)?.lease).toBeUndefined()
    await run.cancel()
  })

  it('ends its grace at once when its signal is aborted', async () => {
    const { aether, clock } = setUp()
    const worker = await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal))
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    const controller = new AbortController()
    const closed = worker.close({ signal: controller.signal })
    await clock.advance(1_000)
    expect(worker.state.status).toBe('draining')
    controller.abort()
    await closed
    expect(worker.state.status).toBe('closed')
    await run.cancel()
  })

  describe('on a connection that says nothing any more', () => {
    const never = new Promise<never>(() => {})

    async function stuck() {
      const setting = setUp()
      const { aether, hub, transport } = setting
      const consume = transport.consume.bind(transport)
      transport.consume = async (...args) => {
        const consumer = await consume(...args)
        return { close: () => consumer.close().then(() => never) }
      }
      hub.before.release = () => never
      const worker = await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal))
      const run = aether.perform(echo)
      await run.accepted
      await settleDown()
      return { ...setting, worker }
    }

    it('it waits for its grace, and a moment for what is given back', async () => {
      const { clock, worker } = await stuck()
      const drained = worker.drain({ graceMs: 2_000 })
      await clock.advance(5_000)
      await drained
      expect(worker.state.status).toBe('closed')
    })

    it('it does not wait for its grace once its signal is aborted', async () => {
      const { clock, worker } = await stuck()
      const controller = new AbortController()
      const closed = worker.close({ signal: controller.signal })
      await clock.advance(1_000)
      expect(worker.state.status).toBe('draining')
      controller.abort()
      await clock.advance(3_000)
      await closed
    })

    it('nor does the application that closes wait for a listener longer than its signal lets it', async () => {
      const { aether, transport } = setUp()
      const listen = transport.listen.bind(transport)
      transport.listen = async (...args) => {
        const listener = await listen(...args)
        return { close: () => listener.close().then(() => never) }
      }
      await aether.presence()
      const controller = new AbortController()
      const closed = aether.close({ signal: controller.signal })
      await settleDown()
      expect(transport.state.status).not.toBe('closed')
      controller.abort()
      await closed
      expect(transport.state.status).toBe('closed')
    })
  })

  it('gives back what arrives while it drains', async () => {
    const { aether, hub } = setUp()
    const opened = gate()
    const worker = await work(aether, echo, () => opened.promise)
    const [consumer] = hub.consumers
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    const drained = worker.drain()
    const released: unknown[] = []
    consumer?.handler({
      task: sample,
      attempt: 1,
      onRevoke: () => {},
      renew: () => Promise.resolve(),
      report: () => Promise.resolve(),
      ack: () => Promise.reject(new Error('not this')),
      release: (options) => Promise.resolve(void released.push(options)),
    })
    expect(released).toEqual([{ failed: false }])
    opened.open()
    await drained
  })

  it('does not wait for a connection that never comes', async () => {
    const { aether, transport, hub } = setUp()
    const connected = gate()
    transport.connecting = connected.promise
    const worker = aether.worker().handle(echo, () => 1)
    const started = worker.start()
    await settleDown()
    await worker.close()
    expect(worker.state).toEqual({ status: 'closed' })
    connected.open()
    await expect(started).rejects.toMatchObject({ code: 'ERR_AETHER_WORKER_CLOSED' })
    expect(hub.consumers.size).toBe(0)
  })

  it('closes what a start under way opens after it', async () => {
    const { aether, transport, hub } = setUp()
    const consumed = gate()
    const consume = transport.consume.bind(transport)
    transport.consume = async (...args) => {
      await consumed.promise
      return consume(...args)
    }
    const worker = aether.worker().handle(echo, () => 1)
    const started = worker.start()
    await settleDown()
    await worker.close()
    consumed.open()
    await expect(started).rejects.toMatchObject({ code: 'ERR_AETHER_WORKER_CLOSED' })
    expect(hub.consumers.size).toBe(0)
    expect(worker.state).toEqual({ status: 'closed' })
  })

  it('is one, however often it is asked for; and nothing before start', async () => {
    const { aether } = setUp()
    const worker = await work(aether, echo, () => 1)
    await Promise.all([worker.drain(), worker.close(), worker[Symbol.asyncDispose]()])
    const idle = aether.worker()
    await idle.close()
    expect(idle.state).toEqual({ status: 'closed' })
    await expect(worker.drain({ graceMs: -1 })).rejects.toMatchObject({ code: 'ERR_AETHER_OPTIONS_INVALID' })
  })
})
