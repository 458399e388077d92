import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RateLimitOptions } from '../../src/index.ts'
import { clientKey } from '../../src/hash/client-key.ts'
import { Gcra } from '../../src/limits/gcra.ts'
import { checkRateLimit, RateLimiter } from '../../src/limits/rate-limiter.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

describe('GCRA', () => {
  it('lets a burst pass, then one every gap', () => {
    const limit = new Gcra(10, 5)
    const passed = Array.from({ length: 8 }, () => limit.take(0))
    expect(passed.map((wait) => wait === 0)).toEqual([true, true, true, true, true, false, false, false])
    expect(passed[5]).toBeCloseTo(100)
    expect(limit.take(99)).toBeGreaterThan(0)
    expect(limit.take(100)).toBe(0)
    expect(limit.take(100)).toBeGreaterThan(0)
    expect(Array.from({ length: 6 }, () => limit.take(10_000)).filter((wait) => wait === 0)).toHaveLength(5)
  })

  it('never lets more pass in any time than its rate and burst allow', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 300 }),
        (rate, burst, gaps) => {
          const limit = new Gcra(rate, burst)
          const passed: number[] = []
          let now = 0
          for (const gap of gaps) {
            now += gap
            if (limit.take(now) === 0) passed.push(now)
          }
          for (let from = 0; from < passed.length; from++)
            for (let to = from; to < passed.length; to++) {
              const allowed = burst + ((passed[to]! - passed[from]!) * rate) / 1_000
              expect(to - from + 1).toBeLessThanOrEqual(allowed + 1e-6)
            }
        },
      ),
    )
  })
})

describe('client keys', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::ffff:a00:1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:0002::ffff', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['not:an:address', 'not:an:address'],
    ['a::b::c', 'a::b::c'],
  ])('%s counts as %s', (address, key) => expect(clientKey(address)).toBe(key))

  it('throws for nothing, whatever it is given', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof clientKey(text) === 'string'))
    fc.assert(fc.property(fc.ipV6(), (address) => clientKey(address).length > 0))
  })
})

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
    expect(limiter.refuse('a', 0)).toBeUndefined()
    for (let index = 0; index < 5; index++) expect(limiter.refuse('b', 0)?.detail['scope']).toBe('all')
    expect(limiter.refuse('b', 1_000)).toBeUndefined()
    expect(limiter.refuse('b', 2_000)).toBeUndefined()
  })

  it('remember no more clients than they may', () => {
    const limiter = new RateLimiter(
      checkRateLimit({ perClient: { requestsPerSecond: 1, burst: 1 }, maxClients: 100 }),
      () => {},
    )
    for (let index = 0; index < 10_000; index++) limiter.refuse(`client-${index}`, index)
    expect(limiter.size).toBe(100)
    expect(limiter.refuse('client-9999', 10_000)).toBeDefined()
    expect(limiter.refuse('client-1', 10_000)).toBeUndefined()
  })

  it.each<RateLimitOptions>([
    { requestsPerSecond: 0 },
    { requestsPerSecond: -5 },
    { requestsPerSecond: 5, burst: 0 },
    { burst: 5 },
    { floodThreshold: 1.5 },
    { perClient: {} as { requestsPerSecond: number } },
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
    for (let ms = 0; ms < 10_000; ms += 11) limiter.refuse('steady', ms)
    expect(flooded).toEqual([])
    // 80 at the end of one second and 80 at the start of the next.
    for (let index = 0; index < 80; index++) limiter.refuse('burst', 900 + index / 10)
    for (let index = 0; index < 80; index++) limiter.refuse('burst', 1_905 + index / 10)
    expect(flooded).toEqual(['burst'])
  })
})
