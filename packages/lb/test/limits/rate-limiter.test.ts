import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KeyRateOptions, RateLimitOptions } from '../../src/index.ts'
import { checkRateLimit } from '../../src/limits/rate-limit-options.ts'
import { RateLimiter } from '../../src/limits/rate-limiter.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes that are still held after a collection. */
function collectedHeap(): number {
  collect()
  return process.memoryUsage().heapUsed
}

describe('rate limits', () => {
  it('hold for everyone together', async () => {
    const { lb, clock } = fleet(1, { rateLimit: { requestsPerSecond: 100, burst: 10 } })
    let passed = 0
    for (let index = 0; index < 2_000; index++) {
      lb.route({ clientIp: `10.0.0.${index % 250}` }, () => passed++).catch(() => {})
      await clock.pass(1)
    }
    expect(passed).toBeGreaterThanOrEqual(205)
    expect(passed).toBeLessThanOrEqual(211)
    expect(lb.getLoadDistribution().limited).toBe(2_000 - passed)
  })

  it('hold for each client, an IPv6 one by its /64, and say when to come back', async () => {
    const { lb } = fleet(1, { rateLimit: { perClient: { requestsPerSecond: 1, burst: 2 } } })
    const send = (clientIp: string): Promise<unknown> => lb.route({ clientIp }, () => 1)
    await send('2001:db8::1')
    await send('2001:db8::2')
    await expect(send('2001:db8::3')).rejects.toMatchObject({
      code: 'ERR_AETHER_RATE_LIMITED',
      detail: { scope: 'client', retryAfterMs: 1_000 },
    })
    await send('2001:db8:0:1::1')
  })

  it('do not charge a client for what the limit of all refused', () => {
    const limiter = new RateLimiter(
      checkRateLimit({ requestsPerSecond: 1, burst: 1, perClient: { requestsPerSecond: 1, burst: 2 } }),
      () => {},
    )
    expect(limiter.refuse({ clientIp: 'a' }, 0)).toBeUndefined()
    for (let index = 0; index < 5; index++)
      expect(limiter.refuse({ clientIp: 'b' }, 0)?.detail['scope']).toBe('all')
    expect(limiter.refuse({ clientIp: 'b' }, 1_000)).toBeUndefined()
    expect(limiter.refuse({ clientIp: 'b' }, 2_000)).toBeUndefined()
  })

  it('hold for each key of one’s own, such as an API key, whatever address it comes from', async () => {
    const { lb, clock } = fleet(1, {
      rateLimit: {
        perKey: {
          key: ({ headers }) => headers?.['x-api-key'] as string | undefined,
          requestsPerSecond: 10,
          burst: 3,
        },
      },
    })
    const passed: Record<string, number> = { 'secret-a': 0, 'secret-b': 0, none: 0 }
    const errors: unknown[] = []
    const send = (key: string, n: number): void => {
      const headers = key === 'none' ? {} : { 'x-api-key': key }
      lb.route({ headers, clientIp: `10.0.0.${n}` }, () => passed[key]!++).catch((error: unknown) =>
        errors.push(error),
      )
    }
    for (let n = 0; n < 10; n++) for (const key of ['secret-a', 'secret-b', 'none']) send(key, n)
    await settle()
    expect(passed).toEqual({ 'secret-a': 3, 'secret-b': 3, none: 10 })
    expect(errors).toHaveLength(14)
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'ERR_AETHER_RATE_LIMITED', detail: { scope: 'key' } })
      expect(JSON.stringify(error) + String(error)).not.toContain('secret')
    }
    await clock.pass(100)
    for (let n = 0; n < 5; n++) send('secret-a', n)
    await settle()
    expect(passed['secret-a']).toBe(4)
  })

  it('that ask for a key and get an error refuse with that, and hold no slot', async () => {
    const oops = new Error('no such header')
    const key = (): never => {
      throw oops
    }
    const { lb } = fleet(1, { rateLimit: { perKey: { key, requestsPerSecond: 1 } } })
    await expect(lb.route({}, () => 1)).rejects.toBe(oops)
    expect(() => lb.pick()).toThrow(oops)
    expect(lb.getLoadDistribution().active).toBe(0)
  })

  it('use nothing up at the others when one of them refuses', () => {
    const rate = { requestsPerSecond: 1, burst: 2 }
    const limiter = new RateLimiter(
      checkRateLimit({ ...rate, perClient: rate, perKey: { ...rate, key: ({ key }) => key } }),
      () => {},
    )
    const scopeOf = (clientIp: string, key: string, now: number): unknown =>
      limiter.refuse({ clientIp, key }, now)?.detail['scope']
    expect([scopeOf('c', 'k', 0), scopeOf('c', 'k', 0)]).toEqual([undefined, undefined])
    expect([scopeOf('c', 'other', 0), scopeOf('d', 'k', 0), scopeOf('d', 'other', 0)]).toEqual([
      'client',
      'key',
      'all',
    ])
    // After a second each has room for one again, and only that one.
    expect(scopeOf('d', 'other', 1_000)).toBeUndefined()
    expect(scopeOf('d', 'other', 1_000)).toBe('all')
    expect([scopeOf('d', 'other', 2_000), scopeOf('c', 'k', 3_000)]).toEqual([undefined, undefined])
  })

  it('say exactly when to come back: not a millisecond sooner, and not later', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3_000 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 60 }),
        (requestsPerSecond, burst, gaps) => {
          const limiter = new RateLimiter(checkRateLimit({ requestsPerSecond, burst }), () => {})
          let now = 0
          for (const gap of gaps) {
            now += gap
            const retryAfterMs = limiter.refuse({}, now)?.detail['retryAfterMs'] as number | undefined
            if (retryAfterMs === undefined) continue
            expect(limiter.refuse({}, now + retryAfterMs - 1)).toBeDefined()
            expect(limiter.refuse({}, now + retryAfterMs)).toBeUndefined()
            now += retryAfterMs
          }
        },
      ),
    )
  })

  it('stay in bounded memory under a million clients and keys that come once', () => {
    const maxClients = 1_000
    const limiter = new RateLimiter(
      checkRateLimit({
        perClient: { requestsPerSecond: 1 },
        perKey: { requestsPerSecond: 1, key: ({ key }) => key },
        maxClients,
      }),
      () => {},
    )
    // One of ten by IPv6, each of a network of its own.
    const addressOf = (n: number): string =>
      n % 10 === 0
        ? `2001:db8:${(n >> 16).toString(16)}:${(n & 65_535).toString(16)}::1`
        : `${n >> 24}.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`
    const come = (from: number, to: number): void => {
      for (let n = from; n < to; n++) limiter.refuse({ clientIp: addressOf(n), key: `k${n}` }, n)
    }
    // A few thousand to begin with: what the tables take at first is no growth.
    come(0, 10_000)
    const before = collectedHeap()
    come(10_000, 1_000_000)
    expect(limiter.size).toBe(maxClients)
    expect(collectedHeap() - before).toBeLessThan(2_000_000)
  }, 60_000)

  it('remember a text that is far too long by its hash', () => {
    const limiter = new RateLimiter(
      checkRateLimit({ perClient: { requestsPerSecond: 1, burst: 1 }, maxClients: 2_000 }),
      () => {},
    )
    const before = collectedHeap()
    for (let n = 0; n < 2_000; n++) limiter.refuse({ clientIp: `${'x'.repeat(20_000)}${n}` }, 0)
    expect(collectedHeap() - before).toBeLessThan(4_000_000)
    expect(limiter.refuse({ clientIp: `${'x'.repeat(20_000)}7` }, 0)).toBeDefined()
  })

  it('leave requests without an address to the limit of all', () => {
    const limiter = new RateLimiter(
      checkRateLimit({ perClient: { requestsPerSecond: 1, burst: 1 } }),
      () => {},
    )
    for (let n = 0; n < 5; n++) expect(limiter.refuse({ clientIp: '' }, 0)).toBeUndefined()
    expect(limiter.size).toBe(0)
  })

  it('remember no more clients than they may', () => {
    const limiter = new RateLimiter(
      checkRateLimit({ perClient: { requestsPerSecond: 1, burst: 1 }, maxClients: 100 }),
      () => {},
    )
    for (let index = 0; index < 10_000; index++) limiter.refuse({ clientIp: `client-${index}` }, index)
    expect(limiter.size).toBe(100)
    expect(limiter.refuse({ clientIp: 'client-9999' }, 10_000)).toBeDefined()
    expect(limiter.refuse({ clientIp: 'client-1' }, 10_000)).toBeUndefined()
  })

  it.each<RateLimitOptions>([
    { requestsPerSecond: 0 },
    { requestsPerSecond: -5 },
    { requestsPerSecond: 5, burst: 0 },
    { burst: 5 },
    { floodThreshold: 1.5 },
    { perClient: {} as { requestsPerSecond: number } },
    { maxClients: 10_000_001 },
    { perKey: { requestsPerSecond: 1 } as KeyRateOptions },
    { perKey: { requestsPerSecond: 1, key: 'x-api-key' as never } },
    { perKey: { requestsPerSecond: Number.NaN, key: () => 'k' } },
    { rps: 5 } as RateLimitOptions,
  ])('refuse %j', (rateLimit) => {
    expect(() => fleet(1, { rateLimit })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})

describe('the flood guard', () => {
  it('fires at the default of 5000 within a second, which the seed’s never could', async () => {
    const { lb, clock } = fleet(1, { rateLimit: {}, explain: 0 })
    const events = lb.events()
    const refusals: unknown[] = []
    const send = (clientIp: string): void => {
      lb.route({ clientIp }, () => 1).catch((error: unknown) => refusals.push(error))
    }
    for (let index = 0; index < 5_000; index++) send('10.6.6.6')
    await settle()
    expect(refusals).toHaveLength(0)
    send('10.6.6.6')
    await settle()
    expect(refusals).toMatchObject([{ code: 'ERR_AETHER_RATE_LIMITED', detail: { scope: 'flood' } }])
    expect((await events.next()).value).toEqual({ type: 'flood', client: '10.6.6.6' })
    send('10.7.7.7')
    await clock.pass(59_000)
    send('10.6.6.6')
    await settle()
    expect(refusals).toHaveLength(2)
    await clock.pass(2_000)
    send('10.6.6.6')
    await settle()
    expect(refusals).toHaveLength(2)
  })

  it('counts over any second, not only whole ones, and leaves steady traffic alone', () => {
    const flooded: string[] = []
    const limiter = new RateLimiter(checkRateLimit({ floodThreshold: 100 }), (client) => flooded.push(client))
    for (let ms = 0; ms < 10_000; ms += 11) limiter.refuse({ clientIp: 'steady' }, ms)
    expect(flooded).toEqual([])
    // 80 at the end of one second and 80 at the start of the next.
    for (let index = 0; index < 80; index++) limiter.refuse({ clientIp: 'burst' }, 900 + index / 10)
    for (let index = 0; index < 80; index++) limiter.refuse({ clientIp: 'burst' }, 1_905 + index / 10)
    expect(flooded).toEqual(['burst'])
  })
})
