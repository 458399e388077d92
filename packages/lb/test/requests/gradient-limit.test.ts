import { describe, expect, it } from 'vitest'
import { checkConcurrency, GradientLimit } from '../../src/requests/gradient-limit.ts'
import { seededRandom } from '../../src/index.ts'

const window = 20

/** Feeds samples of one latency while so many are under way; the limit after each window of 20. */
function feed(limit: GradientLimit, latencyMs: number, windows: number, active?: number): number[] {
  return Array.from({ length: windows }, () => {
    for (let index = 0; index < window; index++) limit.sample(latencyMs, active ?? limit.current)
    return limit.current
  })
}

/** A server with so many slots, each busy for `serviceMs` on average; whoever finds none free waits. It always has as many requests as the limit lets in. */
function serve(
  limit: GradientLimit,
  server: { slots: number; serviceMs: number },
  samples: number,
): number[] {
  const random = seededRandom(7)
  const limits: number[] = []
  for (let index = 0; index < samples; index++) {
    const queueing = Math.max(1, limit.current / server.slots)
    limit.sample(server.serviceMs * queueing * (0.8 + 0.4 * random()), limit.current)
    limits.push(limit.current)
  }
  return limits
}

describe('the adaptive limit', () => {
  it('begins at 20 and stays from 20 to 200, if nothing else is said', () => {
    expect(checkConcurrency({})).toEqual({ min: 20, max: 200, initial: 20 })
    const limit = new GradientLimit(checkConcurrency({}))
    expect(Math.max(...feed(limit, 10, 2_000))).toBe(200)
    expect(limit.current).toBe(200)
    expect(Math.min(...feed(limit, 10_000, 200))).toBe(20)
  })

  it('does not excuse what is slow by a time long ago that was slower', () => {
    const limit = new GradientLimit(checkConcurrency({ initial: 100 }))
    feed(limit, 100, 10)
    // In sixty windows alone of six thousand samples it would hardly have come down from a hundred.
    feed(limit, 10, 60)
    const before = limit.current
    feed(limit, 40, 10)
    expect(limit.current).toBeLessThan(before * 0.75)
  })

  it('grows by the room for a queue of four, a fifth of it at a time, while latency is usual', () => {
    const limit = new GradientLimit(checkConcurrency({ initial: 100 }))
    // 0.8 L + 0.2 (L + 4) is L + 0.8.
    expect(feed(limit, 10, 10)).toEqual([100, 101, 102, 103, 104, 104, 105, 106, 107, 108])
  })

  it('shrinks by the gradient once latency is more than 1.5 times the usual one, by half at most', () => {
    const times = (factor: number): number => {
      const limit = new GradientLimit(checkConcurrency({ initial: 100, max: 1_000 }))
      feed(limit, 10, 5)
      return feed(limit, 10 * factor, 1)[0]!
    }
    expect(times(1.5)).toBe(104)
    // g = 1.5 / 2: 0.8 · 104 + 0.2 · (104 · 0.75 + 4)
    expect(times(2)).toBe(99)
    // g is 0.5 from three times on: 0.8 · 104 + 0.2 · (52 + 4)
    expect(times(3.5)).toBe(94)
    expect(times(100)).toBe(94)
  })

  it('is not led by those that end first, which are the quickest', () => {
    const limit = new GradientLimit(checkConcurrency({}))
    feed(limit, 2, 1)
    feed(limit, 10, 200)
    expect(limit.current).toBeGreaterThan(100)
  })

  it('says nothing about room that is not used', () => {
    const limit = new GradientLimit(checkConcurrency({ initial: 100 }))
    feed(limit, 10, 50, 10)
    expect(limit.current).toBe(100)
    feed(limit, 10, 1, 50)
    expect(limit.current).toBe(100)
    feed(limit, 10, 1, 51)
    expect(limit.current).toBe(101)
  })

  it('takes a slow failure for what it is, and a quick one for nothing', () => {
    const limit = new GradientLimit(checkConcurrency({ initial: 100 }))
    for (let index = 0; index < window * 10; index++) limit.sampleFailure(1_000, 100)
    // Nothing is usual yet.
    expect(limit.current).toBe(100)
    feed(limit, 10, 5)
    const { current } = limit
    for (let index = 0; index < window * 10; index++) limit.sampleFailure(1, current)
    expect(limit.current).toBe(current)
    for (let index = 0; index < window * 10; index++) limit.sampleFailure(1_000, current)
    expect(limit.current).toBeLessThan(current * 0.6)
  })
})

describe('with a server of 40 slots it', () => {
  const server = { slots: 40, serviceMs: 20 }

  it('finds what that bears, and stays there', () => {
    const limits = serve(new GradientLimit(checkConcurrency({})), server, 20_000).slice(4_000)
    // All slots are used, and no more wait than there are slots.
    expect(Math.min(...limits)).toBeGreaterThanOrEqual(40)
    expect(Math.max(...limits)).toBeLessThanOrEqual(80)
  })

  it('comes down when half of the slots are gone, and up when they are back', () => {
    const limit = new GradientLimit(checkConcurrency({ min: 5 }))
    serve(limit, server, 6_000)
    const fewer = serve(limit, { ...server, slots: 20 }, 4_000)
    expect(fewer.at(-1)).toBeLessThanOrEqual(40)
    expect(fewer.at(-1)).toBeGreaterThanOrEqual(20)
    expect(serve(limit, server, 6_000).at(-1)).toBeGreaterThanOrEqual(40)
  })

  it('takes a slower service for usual in the end', () => {
    const limit = new GradientLimit(checkConcurrency({}))
    serve(limit, server, 6_000)
    const slower = serve(limit, { ...server, serviceMs: 60 }, 150_000)
    expect(slower).toContain(20)
    expect(slower.at(-1)).toBeGreaterThanOrEqual(40)
  })
})
