import { describe, expect, it } from 'vitest'

import { rateLimit } from '../../src/middleware/rate-limit.ts'
import { HandClock } from '../support/hand-clock.ts'
import { echo, setUp, work } from '../support/settings.ts'

describe('rateLimit', () => {
  it('lets a burst through, then as many as it says, by key', async () => {
    const clock = new HandClock()
    const limit = rateLimit({ key: (call) => call.headers['tenant'], perSecond: 10, burst: 2, clock })
    const { aether } = setUp({ clock, middleware: [limit] })
    await work(aether, echo, (input) => input)
    const attempt = async (tenant: string): Promise<string> =>
      (await aether.perform(echo, 1, { headers: { tenant } }).settle()).status
    expect([await attempt('a'), await attempt('a'), await attempt('a'), await attempt('b')]).toEqual([
      'succeeded',
      'succeeded',
      'failed',
      'succeeded',
    ])
    await clock.advance(100)
    expect([await attempt('a'), await attempt('a')]).toEqual(['succeeded', 'failed'])
    await clock.advance(10_000)
    expect([await attempt('a'), await attempt('a'), await attempt('a')]).toEqual([
      'succeeded',
      'succeeded',
      'failed',
    ])
  })

  it('says when it would pass', async () => {
    const clock = new HandClock()
    const { aether } = setUp({ clock, middleware: [rateLimit({ perSecond: 4, burst: 1, clock })] })
    await work(aether, echo, (input) => input)
    await aether.perform(echo)
    await clock.advance(50)
    await expect(aether.perform(echo)).rejects.toMatchObject({
      code: 'ERR_AETHER_RATE_LIMITED',
      retryable: true,
      detail: { retryAfterMs: 200, perSecond: 4 },
    })
  })

  it('leaves alone what has no key', async () => {
    const { aether } = setUp({ middleware: [rateLimit({ key: () => undefined, perSecond: 0.001 })] })
    await work(aether, echo, (input) => input)
    expect(await aether.perform(echo, 1)).toBe(1)
    expect(await aether.perform(echo, 2)).toBe(2)
  })

  it('on a worker gives the task back until it may pass, without counting a failure', async () => {
    const clock = new HandClock()
    const { aether } = setUp({ clock })
    const limit = rateLimit({ perSecond: 1, burst: 1, side: 'worker', clock })
    const worker = await work(aether, echo, (input) => input, { middleware: [limit] })
    const runs = [aether.perform(echo, 1, { attempts: 1 }), aether.perform(echo, 2, { attempts: 1 })]
    await clock.advance(500)
    expect(runs.map((run) => run.settlement?.status)).toEqual(['succeeded', undefined])
    await clock.advance(600)
    expect(await Promise.all(runs)).toEqual([1, 2])
    expect(worker.stats).toMatchObject({ failed: 0, returned: 1 })
  })

  it('remembers no more keys than it may', async () => {
    const clock = new HandClock()
    const limit = rateLimit({
      key: (call) => call.headers['key'],
      perSecond: 0.001,
      burst: 1,
      maxKeys: 2,
      clock,
    })
    const { aether } = setUp({ clock, middleware: [limit] })
    await work(aether, echo, (input) => input)
    const attempt = async (key: string): Promise<string> =>
      (await aether.perform(echo, 1, { headers: { key } }).settle()).status
    for (const key of ['a', 'b', 'c']) expect(await attempt(key)).toBe('succeeded')
    expect(await attempt('c')).toBe('failed')
    expect(await attempt('a')).toBe('succeeded')
  })

  it.each([
    ['perSecond', { perSecond: 0 }],
    ['perSecond', {}],
    ['burst', { perSecond: 1, burst: 0 }],
    ['side', { perSecond: 1, side: 'both' }],
    ['key', { perSecond: 1, key: 'tenant' }],
    ['maxKeys', { perSecond: 1, maxKeys: 0 }],
    ['clock', { perSecond: 1, clock: {} }],
    ['perMinute', { perSecond: 1, perMinute: 60 }],
  ])('refuses a wrong %s', (name, options) => {
    expect(() => rateLimit(options as never)).toThrowError(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
    expect(() => rateLimit(options as never)).toThrowError(new RegExp(name))
  })
})
