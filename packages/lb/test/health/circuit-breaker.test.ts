import { describe, expect, it } from 'vitest'
import type { BreakerOptions } from '../../src/index.ts'
import { fleet } from '../support/fleet.ts'
import { settle } from '../support/manual-clock.ts'

const breaker: BreakerOptions = {
  failureThreshold: 3,
  successThreshold: 2,
  timeoutMs: 1_000,
  maxTimeoutMs: 4_000,
  halfOpenMaxCalls: 2,
}
const open = expect.objectContaining({ code: 'ERR_AETHER_BREAKER_OPEN' }) as Error

function failing(times: number, options: BreakerOptions = breaker) {
  const made = fleet(1, { breaker: options, panicThreshold: 0 })
  for (let index = 0; index < times; index++) made.lb.pick().done('failed')
  return { ...made, backend: made.lb.backends[0]! }
}

describe('a circuit breaker', () => {
  it('opens after failures in a row, not before, and lets nothing through', async () => {
    const { lb, backend } = failing(2)
    lb.pick().done('ok')
    lb.pick().done('failed')
    lb.pick().done('failed')
    expect(backend.breakerState).toBe('closed')
    lb.pick().done('failed')
    expect(backend.breakerState).toBe('open')
    expect(() => lb.pick()).toThrow(open)
    await expect(lb.route({}, () => 1)).rejects.toThrow(open)
  })

  it('lets a few probes through after its timeout, and closes once enough passed', () => {
    const { lb, clock, backend } = failing(3)
    clock.advance(999)
    expect(backend.breakerState).toBe('open')
    clock.advance(1)
    expect(backend.breakerState).toBe('half-open')
    const probes = [lb.pick(), lb.pick()]
    expect(lb.choose()).toBeUndefined()
    probes[0]!.done('ok')
    expect(backend.breakerState).toBe('half-open')
    const third = lb.pick()
    expect(lb.choose()).toBeUndefined()
    probes[1]!.done('ok')
    expect(backend.breakerState).toBe('closed')
    expect(lb.choose()).toBeDefined()
    third.done('failed')
    expect(backend.breakerState).toBe('closed')
  })

  it('opens again at the first probe that fails, for twice as long each time, up to a limit', () => {
    const { lb, clock, backend } = failing(3)
    for (const expected of [1_000, 2_000, 4_000, 4_000]) {
      clock.advance(expected - 1)
      expect(backend.breakerState).toBe('open')
      clock.advance(1)
      expect(backend.breakerState).toBe('half-open')
      lb.pick().done('failed')
    }
    clock.advance(4_000)
    lb.pick().done('ok')
    lb.pick().done('ok')
    expect(backend.breakerState).toBe('closed')
    for (let index = 0; index < 3; index++) lb.pick().done('failed')
    clock.advance(1_000)
    expect(backend.breakerState).toBe('half-open')
  })

  it('gives a probe that was given up to the next one', () => {
    const { lb, clock, backend } = failing(3)
    clock.advance(1_000)
    for (let index = 0; index < 10; index++) lb.pick().done('cancelled')
    expect(backend.breakerState).toBe('half-open')
    expect(lb.choose()).toBeDefined()
  })

  it('lets others try when its probes never end, and counts the late ones all the same', async () => {
    const { lb, clock, backend } = failing(3)
    clock.advance(1_000)
    const stuck = [lb.pick(), lb.pick()]
    const waiting = lb.route({}, () => 'through')
    clock.advance(999)
    expect(lb.choose()).toBeUndefined()
    clock.advance(1)
    await settle()
    expect((await waiting).value).toBe('through')
    expect(backend.breakerState).toBe('half-open')
    const next = [lb.pick(), lb.pick()]
    expect(lb.choose()).toBeUndefined()
    stuck[0]!.done('cancelled')
    expect(lb.choose()).toBeUndefined()
    stuck[1]!.done('ok')
    expect(backend.breakerState).toBe('closed')
    for (const lease of next) lease.done('failed')
    expect(backend.breakerState).toBe('closed')
    await lb.close()
    expect(clock.pending).toBe(0)
  })

  it('tells each change of state once, and nothing where there is none', async () => {
    const { lb, clock } = failing(3)
    const events = lb.events()
    clock.advance(1_000)
    const stuck = [lb.pick(), lb.pick()]
    clock.advance(1_000)
    for (const lease of stuck) lease.done('ok')
    await lb.close()
    const told: string[] = []
    for await (const event of events) if (event.type === 'breaker') told.push(event.to)
    expect(told).toEqual(['half-open', 'closed'])
  })

  it('opens at once when a probe fails that it had given up', () => {
    const { lb, clock, backend } = failing(3)
    clock.advance(1_000)
    const stuck = [lb.pick(), lb.pick()]
    clock.advance(1_000)
    stuck[0]!.done('failed')
    expect(backend.breakerState).toBe('open')
    stuck[1]!.done('ok')
    clock.advance(2_000)
    expect(backend.breakerState).toBe('half-open')
    lb.pick().done('ok')
    expect(backend.breakerState).toBe('half-open')
  })

  it('takes no time for its probes that they had while one was free', () => {
    const { lb, clock } = failing(3)
    clock.advance(1_000)
    const first = lb.pick()
    clock.advance(900)
    const second = lb.pick()
    clock.advance(900)
    expect(lb.choose()).toBeUndefined()
    second.done('cancelled')
    lb.pick()
    clock.advance(900)
    expect(lb.choose()).toBeUndefined()
    clock.advance(100)
    expect(lb.choose()).toBeDefined()
    first.done('cancelled')
  })

  it('does not count what began before it opened', () => {
    const { lb, clock } = fleet(1, { breaker })
    const old = [lb.pick(), lb.pick(), lb.pick()]
    for (let index = 0; index < 3; index++) lb.pick().done('failed')
    clock.advance(1_000)
    old[0]!.done('ok')
    old[1]!.done('ok')
    expect(lb.backends[0]!.breakerState).toBe('half-open')
    old[2]!.done('failed')
    expect(lb.backends[0]!.breakerState).toBe('half-open')
  })

  it('is respected by sticky sessions', () => {
    const { lb } = fleet(2, { breaker, affinity: { by: 'session' }, panicThreshold: 0 })
    const first = lb.pick({ sessionId: 's' })
    first.done('failed')
    for (let index = 0; index < 2; index++) lb.pick({ sessionId: 's' }).done('failed')
    expect(first.backend.breakerState).toBe('open')
    const next = lb.pick({ sessionId: 's' })
    expect(next.backend).not.toBe(first.backend)
    next.done()
  })

  it('lets sticky sessions probe no more than anyone else', () => {
    const { lb, clock } = fleet(2, { breaker, affinity: { by: 'session' } })
    const home = lb.pick({ sessionId: 's' })
    home.done('failed')
    for (let index = 0; index < 2; index++) lb.pick({ sessionId: 's' }).done('failed')
    clock.advance(1_000)
    expect(home.backend.breakerState).toBe('half-open')
    const others = { exclude: lb.backends.filter((backend) => backend !== home.backend) }
    const probes = [lb.pick(others), lb.pick(others)]
    const elsewhere = lb.pick({ sessionId: 's' })
    expect(elsewhere.backend).not.toBe(home.backend)
    expect(() => lb.pick(others)).toThrow(expect.objectContaining({ retryable: true }) as Error)
    expect(home.backend.active).toBe(2)
    for (const lease of [...probes, elsewhere]) lease.done()
  })

  it('is respected in panic, so that a dead fleet is left alone', () => {
    const { lb } = fleet(1, { breaker, panicThreshold: 1 })
    for (let index = 0; index < 3; index++) lb.pick().done('failed')
    expect(lb.getLoadDistribution().isPanic).toBe(true)
    expect(() => lb.pick()).toThrow(open)
  })

  it('can be turned off', () => {
    const { lb } = fleet(1, { breaker: false })
    for (let index = 0; index < 100; index++) lb.pick().done('failed')
    expect(lb.backends[0]!.breakerState).toBe('closed')
  })

  it.each([
    { failureThreshold: 0 },
    { successThreshold: 1.5 },
    { timeoutMs: -1 },
    { timeoutMs: 5_000, maxTimeoutMs: 100 },
    { halfOpenMaxCalls: Number.NaN },
    { threshold: 3 },
  ])('refuses %j', (options) => {
    expect(() => fleet(1, { breaker: options as BreakerOptions })).toThrow(
      expect.objectContaining({ code: 'ERR_AETHER_OPTIONS_INVALID' }) as Error,
    )
  })
})
