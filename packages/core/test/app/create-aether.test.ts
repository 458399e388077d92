import { describe, expect, it } from 'vitest'

import { createAether } from '../../src/app/create-aether.ts'
import { defineTask } from '../../src/define/define-task.ts'
import { AetherError } from '../../src/errors.ts'
import { HandClock, settleDown } from '../support/hand-clock.ts'
import { LoopbackHub } from '../support/loopback.ts'
import { echo, gate, setUp, untilAborted, work } from '../support/settings.ts'

function transport(): ReturnType<LoopbackHub['transport']> {
  return new LoopbackHub(new HandClock()).transport()
}

describe('createAether', () => {
  it('does nothing until it is used', () => {
    const { transport: idle, clock } = setUp()
    expect(idle.starts).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it.each([
    ['union', { union: 'a/b' }, 'ERR_AETHER_NAME_INVALID'],
    ['union', { union: undefined }, 'ERR_AETHER_NAME_INVALID'],
    ['client', { name: 'a b' }, 'ERR_AETHER_NAME_INVALID'],
    ['transport', { transport: undefined }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['transport', { transport: {} }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['transport', { channels: { a: transport() } }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['channels', { transport: undefined, channels: {} }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['channels.a', { transport: undefined, channels: { a: 1 } }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['logger', { logger: {} }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['clock', { clock: { now: () => 1 } }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['random', { random: 0.5 }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['createTid', { createTid: 'x' }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['codec', { codec: 'json' }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['middleware', { middleware: {} }, 'ERR_AETHER_OPTIONS_INVALID'],
    ['url', { url: 'tcp://x' }, 'ERR_AETHER_OPTIONS_INVALID'],
  ])('refuses a wrong %s', (name, options, code) => {
    const make = (): unknown => createAether({ union: 'u', transport: transport(), ...options } as never)
    expect(make).toThrowError(expect.objectContaining({ code }) as Error)
    expect(make).toThrowError(new RegExp(name))
  })

  it('refuses one transport for two channels', () => {
    const shared = transport()
    expect(() => createAether({ union: 'u', channels: { a: shared, b: shared } })).toThrowError(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})

describe('channels', () => {
  it('carry tasks side by side; the first is the default', async () => {
    const clock = new HandClock()
    const fast = new LoopbackHub(clock).transport()
    const durable = new LoopbackHub(clock).transport()
    const aether = createAether({ union: 'u', clock, channels: { fast, durable } })
    await work(aether, echo, () => 'fast')
    await work(aether, echo, () => 'durable', { channel: 'durable' })
    expect(await aether.perform(echo)).toBe('fast')
    expect(await aether.perform(echo, 1, { channel: 'durable' })).toBe('durable')
    expect(() => aether.worker({ channel: 'slow' })).toThrowError(
      expect.objectContaining({ code: 'ERR_AETHER_CHANNEL_UNKNOWN' }) as Error,
    )
    await aether.close()
    expect([fast.state.status, durable.state.status]).toEqual(['closed', 'closed'])
  })

  it('keep nested tasks on the channel of their worker, unless told otherwise', async () => {
    const clock = new HandClock()
    const aether = createAether({
      union: 'u',
      clock,
      channels: { fast: new LoopbackHub(clock).transport(), durable: new LoopbackHub(clock).transport() },
    })
    await work(aether, echo, () => 'fast')
    await work(
      aether,
      echo,
      async (input, ctx) =>
        input === 'leaf'
          ? 'durable'
          : [await ctx.perform(echo, 'leaf'), await ctx.perform(echo, 1, { channel: 'fast' })],
      { channel: 'durable' },
    )
    expect(await aether.perform(echo, 'root', { channel: 'durable' })).toEqual(['durable', 'fast'])
  })
})

describe('state', () => {
  it('is that of the channel that is worst off', async () => {
    const clock = new HandClock()
    const [one, other] = [new LoopbackHub(clock).transport(), new LoopbackHub(clock).transport()]
    const aether = createAether({ union: 'u', clock, channels: { one, other } })
    expect(aether.state.status).toBe('idle')
    await aether.start()
    expect(aether.state.status).toBe('ready')
    const error = new AetherError('ERR_AETHER_TRANSPORT_LOST', 'gone')
    other.become({ status: 'reconnecting', attempt: 1, error })
    expect(aether.state).toMatchObject({ status: 'reconnecting' })
  })

  it('can be followed, and ends when closed', async () => {
    const { aether } = setUp()
    const seen: string[] = []
    const following = (async () => {
      for await (const { channel, state } of aether.states()) seen.push(`${channel} ${state.status}`)
    })()
    await settleDown()
    await aether.start()
    await settleDown()
    await aether.close()
    await following
    expect(seen).toEqual(['default starting', 'default ready', 'default closed'])
  })

  it('is no longer followed after the reader left or its signal was aborted', async () => {
    const { aether, transport: one } = setUp()
    const controller = new AbortController()
    const aborted = (async () => {
      for await (const _ of aether.states({ signal: controller.signal }));
      return 'ended'
    })()
    const left = (async () => {
      for await (const { state } of aether.states({ channel: 'default' })) return state.status
      return 'ended'
    })()
    await settleDown()
    one.become({ status: 'starting' })
    expect(await left).toBe('starting')
    controller.abort()
    expect(await aborted).toBe('ended')
  })
})

describe('states with a signal that is aborted already', () => {
  it('ends at once and follows nothing', async () => {
    const { aether, transport } = setUp()
    const states = transport.states.bind(transport)
    let followed = 0
    transport.states = (...args) => {
      followed += 1
      return states(...args)
    }
    for await (const _ of aether.states({ signal: AbortSignal.abort() }));
    expect(followed).toBe(0)
  })
})

describe('start', () => {
  it('fails as the transport does, and can be given up', async () => {
    const { aether, transport: one } = setUp()
    one.connecting = new Promise(() => {})
    const controller = new AbortController()
    const started = aether.start({ signal: controller.signal })
    controller.abort(new Error('given up'))
    await expect(started).rejects.toThrow('given up')
    await expect(aether.start({ signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
    await expect(aether.start({ signal: 1 as never })).rejects.toMatchObject({
      code: 'ERR_AETHER_OPTIONS_INVALID',
    })
  })
})

describe('close', () => {
  it('waits for open runs, and lets handlers perform what they need to finish', async () => {
    const { aether, hub, clock } = setUp()
    const elsewhere = createAether({ union: 'u', transport: hub.transport(), clock })
    const leaf = defineTask({ job: 'test', task: 'leaf' })
    await work(elsewhere, leaf, () => 'leaf')
    const opened = gate()
    await work(aether, echo, async (_input, ctx) => {
      await opened.promise
      return ctx.perform(leaf, 1)
    })
    const run = aether.perform(echo)
    await run.accepted
    await settleDown()
    const closed = aether.close()
    await expect(aether.perform(echo)).rejects.toMatchObject({ code: 'ERR_AETHER_CLIENT_CLOSED' })
    opened.open()
    await closed
    expect(run.settlement).toMatchObject({ status: 'succeeded', value: 'leaf' })
    expect(aether.ledger).toMatchObject({ performed: 3, succeeded: 2, failed: 1, open: 0 })
  })

  it('stops waiting when its signal is aborted: open runs fail with ERR_AETHER_CLIENT_CLOSED', async () => {
    const { aether } = setUp()
    const run = aether.perform(echo, 1, { waitForWorkers: true })
    await run.accepted
    const controller = new AbortController()
    const closed = aether.close({ signal: controller.signal })
    await settleDown()
    expect(run.settlement).toBeUndefined()
    controller.abort()
    await closed
    await expect(run).rejects.toMatchObject({ code: 'ERR_AETHER_CLIENT_CLOSED' })
  })

  it('is one, however often it is asked for, and ends everything', async () => {
    const { aether, transport: one } = setUp()
    await work(aether, echo, (_input, ctx) => untilAborted(ctx.signal))
    const [first, second] = [aether.close(), aether.close()]
    expect(first).toBe(second)
    await first
    await aether[Symbol.asyncDispose]()
    expect(one.state.status).toBe('closed')
    await expect(aether.perform(echo)).rejects.toMatchObject({ code: 'ERR_AETHER_CLIENT_CLOSED' })
    await expect(aether.attach(echo, 'x')).rejects.toMatchObject({ code: 'ERR_AETHER_CLIENT_CLOSED' })
    await expect(aether.start()).rejects.toMatchObject({ code: 'ERR_AETHER_CLIENT_CLOSED' })
    await expect(aether.presence()).rejects.toMatchObject({ code: 'ERR_AETHER_CLIENT_CLOSED' })
    await expect(aether.listen(echo, () => {})).rejects.toMatchObject({ code: 'ERR_AETHER_CLIENT_CLOSED' })
    expect(() => aether.worker()).toThrowError(
      expect.objectContaining({ code: 'ERR_AETHER_CLIENT_CLOSED' }) as Error,
    )
  })

  it('tells what failed while closing', async () => {
    const { aether, transport: one } = setUp()
    await aether.start()
    one.close = () => Promise.reject(new Error('stuck'))
    await expect(aether.close()).rejects.toMatchObject({ errors: [{ message: 'stuck' }] })
  })
})
