import { describe, expect, it } from 'vitest'

import { createAether } from '../../src/app/create-aether.ts'
import { exponential, fixed } from '../../src/define/backoff.ts'
import { defineTask } from '../../src/define/define-task.ts'
import { rateLimit } from '../../src/middleware/rate-limit.ts'
import { HandClock } from '../support/hand-clock.ts'
import { LoopbackHub } from '../support/loopback.ts'
import { echo, setUp, work } from '../support/settings.ts'

/** A method called as JavaScript can: with anything. */
type Loose = (...args: readonly unknown[]) => unknown

function loose(owner: object, name: string): Loose {
  return ((owner as Record<string, Loose>)[name] as Loose).bind(owner)
}

/** How a call fails, at once or later. */
async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  return 'nothing was refused'
}

const wrongSignals = ['now', 5, {}, null]
const refused = { name: 'AetherError', code: expect.stringMatching(/^ERR_AETHER_(OPTIONS|NAME)_INVALID$/) }

describe('what waits refuses a signal that is none, and does nothing', () => {
  it.each(wrongSignals)('%o', async (signal) => {
    const { aether, transport } = setUp()
    const worker = aether.worker({ presenceMs: 0 }).handle(echo, () => 1)
    expect(await failure(() => loose(aether, 'start')({ signal }))).toMatchObject(refused)
    expect(await failure(() => loose(aether, 'states')({ signal }))).toMatchObject(refused)
    expect(await failure(() => loose(aether, 'close')({ signal }))).toMatchObject(refused)
    expect(await failure(() => loose(worker, 'start')({ signal }))).toMatchObject(refused)
    expect(await failure(() => loose(worker, 'drain')({ signal }))).toMatchObject(refused)
    expect(await failure(() => loose(worker, 'close')({ signal }))).toMatchObject(refused)
    expect(await failure(() => aether.perform(echo, 1, { signal } as never))).toMatchObject(refused)
    expect(await failure(() => aether.attach(echo, 'tid', { signal } as never))).toMatchObject(refused)
    const presence = await aether.presence()
    expect(await failure(() => loose(presence, 'changes')({ signal }))).toMatchObject(refused)
    await worker.start()
    expect(await aether.perform(echo)).toBe(1)
    await aether.close()
    expect(transport.state.status).toBe('closed')
  })
})

describe('options that are no object are refused', () => {
  it.each([null, 'text', 5])('%o', async (options) => {
    const { aether } = setUp()
    const worker = aether.worker({ presenceMs: 0 }).handle(echo, () => 1)
    const calls: readonly (readonly [object, string, readonly unknown[]])[] = [
      [aether, 'start', [options]],
      [aether, 'states', [options]],
      [aether, 'close', [options]],
      [aether, 'worker', [options]],
      [aether, 'presence', [options]],
      [aether, 'task', [options]],
      [aether, 'listen', [echo, () => {}, options]],
      [aether, 'perform', [echo, 1, options]],
      [aether, 'attach', [echo, 'tid', options]],
      [worker, 'start', [options]],
      [worker, 'drain', [options]],
      [worker, 'close', [options]],
      [worker, 'handle', [echo, () => 1, options]],
    ]
    for (const [owner, name, args] of calls) {
      expect(await failure(() => loose(owner, name)(...args)), name).toMatchObject(refused)
    }
    for (const make of [createAether, defineTask, rateLimit, fixed] as unknown as Loose[]) {
      if (make === (fixed as unknown as Loose) && options === 5) continue
      expect(await failure(() => make(options)), make.name).toMatchObject(refused)
    }
    expect(await failure(() => (exponential as unknown as Loose)(1, options))).toMatchObject(refused)
    await aether.close()
  })
})

describe('options of the wrong type are refused', () => {
  it.each<[string, (aether: ReturnType<typeof setUp>['aether']) => unknown]>([
    ['listen context', (aether) => aether.listen(echo, () => {}, { context: 5 } as never)],
    ['listen tid', (aether) => aether.listen(echo, () => {}, { tid: 'a/b' })],
    ['listen typo', (aether) => aether.listen(echo, () => {}, { typo: 5 } as never)],
    ['listen definition', (aether) => aether.listen({ job: 'a' } as never, () => {})],
    ['listen handler', (aether) => aether.listen(echo, 5 as never)],
    ['listen nothing', (aether) => loose(aether, 'listen')()],
    ['listen job', (aether) => aether.listen(5 as never, 'b', 'x', 'status', 'workers', () => {})],
    ['listen workgroup', (aether) => aether.listen('a', 'b', 'x', 'perform', 5 as never, () => {})],
    ['listen workgroup of events', (aether) => aether.listen('a', 'b', 'x', 'status', 5 as never, () => {})],
    ['task workgroup', (aether) => aether.task({ job: 'a', task: 'b', workgroup: 5 } as never)],
    ['task channel', (aether) => aether.task({ job: 'a', task: 'b', channel: 5 } as never)],
    ['attach tid', (aether) => aether.attach(echo, 5 as never)],
    ['states typo', (aether) => aether.states({ typo: 1 } as never)],
    ['close typo', (aether) => aether.close({ typo: 1 } as never)],
    ['exponential jitter', () => exponential(1, { jitter: '0.5' } as never)],
    ['exponential maxMs', () => exponential(1, { maxMs: '5' } as never)],
    ['exponential typo', () => exponential(1, { maxMS: 5 } as never)],
    ['fixed', () => fixed('5' as never)],
    ['perform definition', (aether) => loose(aether, 'perform')({ job: 'a' })],
  ])('%s', async (_name, call) => {
    const { aether } = setUp()
    expect(await failure(() => call(aether))).toMatchObject(refused)
    await aether.close()
  })
})

describe('what the application injects and gets wrong', () => {
  it.each<[string, () => string]>([
    [
      'throws',
      () => {
        throw new Error('no ids left')
      },
    ],
    ['gives no text', () => 5 as never],
    ['gives no name', () => 'a/b'],
  ])('fails the run where createTid %s', async (_name, createTid) => {
    const { aether } = setUp({ createTid })
    expect(await aether.perform(echo).settle()).toMatchObject({
      status: 'failed',
      error: { name: 'AetherError' },
    })
    expect(aether.ledger).toMatchObject({ performed: 1, failed: 1, open: 0 })
    await aether.close()
  })

  it('keeps a timer that is longer than timers go from firing at once', async () => {
    const { aether, transport } = setUp({ clock: undefined as never })
    const worker = await work(aether, echo, () => 1, { graceMs: 1e12, presenceMs: 1e12 })
    expect(await aether.perform(echo)).toBe(1)
    await worker.close()
    await aether.close()
    expect(transport.state.status).toBe('closed')
  })
})

describe('close', () => {
  it('stops waiting when a second call says so', async () => {
    const clock = new HandClock()
    const aether = createAether({ union: 'u', clock, transport: new LoopbackHub(clock).transport() })
    await work(aether, echo, () => new Promise(() => {}))
    const run = aether.perform(echo)
    await run.accepted
    const first = aether.close()
    const second = aether.close({ signal: AbortSignal.abort() })
    await clock.advance(2_000)
    await Promise.all([first, second])
    expect(await run.settle()).toMatchObject({
      status: 'failed',
      error: { code: 'ERR_AETHER_CLIENT_CLOSED' },
    })
  })
})
