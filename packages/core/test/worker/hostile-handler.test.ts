import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { defineTask } from '../../src/define/define-task.ts'
import { settleDown } from '../support/hand-clock.ts'
import { echo, setUp, work } from '../support/settings.ts'

const once = defineTask({ job: 'test', task: 'once', attempts: 1 })
const brand = Symbol.for('aether.error')

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

function failing(text: string): never {
  throw new Error(text)
}

function withThen(property: PropertyDescriptor): object {
  // oxlint-disable-next-line unicorn/no-thenable -- what handlers should not return is what is tested
  return Object.defineProperty({}, 'then', property)
}

/** What no handler should throw, and what some do. */
const thrown: readonly (readonly [string, () => unknown])[] = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['a string', () => 'text'],
  ['a BigInt', () => 1n],
  ['a symbol', () => Symbol('s')],
  ['a function', () => () => {}],
  ['a frozen object', () => Object.freeze({ code: 5 })],
  ['a revoked proxy', revoked],
  ['an error whose message is no text', () => Object.assign(new Error('x'), { message: 5n })],
  ['an error whose name is no text', () => Object.assign(new Error(''), { name: { toString: null } })],
  [
    'an error whose getters throw',
    () =>
      Object.defineProperties(new Error('x'), {
        message: {
          get() {
            throw new Error('message')
          },
        },
        retryable: {
          get() {
            throw new Error('retryable')
          },
        },
      }),
  ],
  ['a branded object without its fields', () => Object.assign(new Error('x'), { [brand]: true })],
  ['a branded object with a code that is no text', () => ({ [brand]: true, code: 1, message: null })],
  [
    'a rate limit without an end',
    () =>
      Object.assign(new Error('x'), {
        [brand]: true,
        code: 'ERR_AETHER_RATE_LIMITED',
        retryable: false,
        detail: { retryAfterMs: Number.NaN },
      }),
  ],
]

describe('a handler that throws what it should not', () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  let others: NodeJS.UnhandledRejectionListener[] = []

  beforeEach(() => {
    unhandled.length = 0
    others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', note)
  })

  afterEach(() => {
    process.removeAllListeners('unhandledRejection')
    for (const other of others) process.on('unhandledRejection', other)
  })

  it.each(thrown)('fails with a code, at once or later: %s', async (_name, make) => {
    const { aether } = setUp()
    const worker = await work(aether, once, (isLater) => {
      if (isLater === true) return Promise.reject(make())
      throw make()
    })
    for (const isLater of [false, true]) {
      const settlement = await aether.perform(once, isLater).settle()
      expect(settlement).toMatchObject({
        status: 'failed',
        error: { code: expect.stringMatching(/^ERR_AETHER_/), message: expect.any(String) },
      })
    }
    await settleDown()
    expect(unhandled).toEqual([])
    expect(worker.stats.active).toBe(0)
    await aether.close()
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('backoff')
      },
    ],
    ['is text', () => 'soon' as never],
    ['is longer than any transport waits', () => Number.MAX_VALUE],
  ] as const)('still gives its task back where its backoff %s', async (_name, backoff) => {
    const { aether, hub } = setUp()
    const delays: unknown[] = []
    hub.before.release = (_tid, options) => void delays.push(options.delayMs)
    const task = defineTask({ job: 'test', task: 'odd', attempts: 2, backoff })
    const worker = await work(aether, task, () => {
      throw new Error('no')
    })
    const run = aether.perform(task)
    await run.accepted
    await settleDown()
    expect(unhandled).toEqual([])
    expect(worker.stats.failed).toBeGreaterThan(0)
    for (const delayMs of delays) expect(delayMs).toSatisfy((ms: number) => ms >= 0 && ms <= 0xffff_ffff)
    expect(delays.length).toBeGreaterThan(0)
    await run.cancel()
    await aether.close()
  })

  it.each([
    ['something whose then cannot be read', withThen({ get: () => failing('get') })],
    ['a thenable that throws', withThen({ value: () => failing('then') })],
    ['a function', () => 5],
    ['a symbol', Symbol('s')],
    ['a map with a BigInt inside', { deep: [{ n: 1n }] }],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('toJSON')
        },
      },
    ],
  ])('fails where its result is %s', async (_name, result) => {
    const { aether } = setUp()
    await work(aether, once, (isLater) => {
      if (isLater !== true) return result
      return Promise.resolve().then(() => result)
    })
    expect(await aether.perform(once, false).settle()).toMatchObject({ status: 'failed' })
    expect(await aether.perform(once, true).settle()).toMatchObject({ status: 'failed' })
    await settleDown()
    expect(unhandled).toEqual([])
    await aether.close()
  })

  it('fails where what it is given to perform within it is wrong, and says so', async () => {
    const { aether } = setUp()
    const wrong: readonly (readonly unknown[])[] = [
      [undefined, 1],
      [echo, 1, null],
      [echo, 1, 'text'],
      [echo, 1, { signal: 'now' }],
      [echo, 1, { deadlineMs: 'soon' }],
      [echo, 1, { headers: 'text' }],
      [echo, 1, { channel: 7 }],
      [echo, 1, { typo: 1 }],
    ]
    const codes: unknown[] = []
    await work(aether, once, async (_input, ctx) => {
      for (const args of wrong) {
        const run = (ctx.perform as (...args: readonly unknown[]) => PromiseLike<unknown>)(...args)
        await run.then(undefined, (error: { code: unknown }) => codes.push(error.code))
      }
    })
    expect(await aether.perform(once).settle()).toMatchObject({ status: 'succeeded' })
    expect(codes).toEqual(wrong.map(() => 'ERR_AETHER_OPTIONS_INVALID'))
    await aether.close()
  })
})
