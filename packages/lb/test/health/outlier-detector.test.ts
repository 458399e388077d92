import { describe, expect, it } from 'vitest'
import type { Endpoint } from '../../src/backends/endpoint.ts'
import { checkOutlier, OutlierDetector } from '../../src/health/outlier-detector.ts'
import type { OutlierOptions } from '../../src/index.ts'
import { type Fleet, fleet } from '../support/fleet.ts'

function watched(count: number, outlier: OutlierOptions = {}): Fleet {
  const made = fleet(count, { outlier: { jitterMs: 0, ...outlier }, breaker: false, panicThreshold: 0 })
  made.lb.start()
  return made
}

function send({ lb }: Fleet, id: string, outcome: 'ok' | 'failed', times: number): void {
  const exclude = lb.backends.filter((backend) => backend.id !== id)
  for (let index = 0; index < times; index++) lb.pick({ exclude }).done(outcome)
}

const ejected = ({ lb }: Fleet): string[] => lb.backends.filter((each) => each.isEjected).map(({ id }) => id)

describe('outlier detection', () => {
  it('ejects after five failures in a row, and not for four', () => {
    const made = watched(10)
    send(made, 'b3', 'failed', 4)
    send(made, 'b3', 'ok', 1)
    send(made, 'b3', 'failed', 4)
    expect(ejected(made)).toEqual([])
    send(made, 'b3', 'failed', 1)
    expect(ejected(made)).toEqual(['b3'])
    const ids = new Set(Array.from({ length: 300 }, () => made.lb.choose()!.id))
    expect(ids.has('b3')).toBe(false)
    expect(ids.size).toBe(9)
  })

  it('lets it back after 30 s, then after 60 s, with its counters at nought', () => {
    const made = watched(10)
    send(made, 'b3', 'failed', 5)
    made.clock.advance(29_000)
    expect(ejected(made)).toEqual(['b3'])
    made.clock.advance(10_000)
    expect(ejected(made)).toEqual([])
    send(made, 'b3', 'failed', 4)
    expect(ejected(made)).toEqual([])
    send(made, 'b3', 'failed', 1)
    made.clock.advance(55_000)
    expect(ejected(made)).toEqual(['b3'])
    made.clock.advance(15_000)
    expect(ejected(made)).toEqual([])
  })

  it('never lasts longer than its limit', () => {
    const made = watched(10, { baseEjectionMs: 100_000, maxEjectionMs: 150_000 })
    for (let round = 0; round < 5; round++) {
      send(made, 'b3', 'failed', 5)
      expect(ejected(made)).toEqual(['b3'])
      made.clock.advance(160_000)
      expect(ejected(made)).toEqual([])
    }
  })

  it('looks at nobody else for a failure, also where no more may be ejected', () => {
    const { lb, clock } = fleet(100)
    let reads = 0
    const endpoints = lb.backends.map(
      () =>
        new Proxy<Record<string | symbol, unknown>>(
          {},
          {
            get: (target, key) => (reads++, target[key]),
          },
        ) as unknown as Endpoint,
    )
    const detector = new OutlierDetector(checkOutlier({ consecutiveFailures: 1, maxEjected: 0.01 }), {
      clock,
      random: () => 0,
      endpoints: () => endpoints,
      onEjection: () => {},
      onReturn: () => {},
    })
    for (const endpoint of endpoints.slice(0, 10)) detector.record(endpoint, false)
    detector.close()
    expect(endpoints.filter((endpoint) => endpoint.isEjected)).toHaveLength(1)
    expect(reads).toBeLessThan(250)
  })

  it('has a place for another one when one that was ejected is removed', () => {
    const made = watched(10)
    send(made, 'b3', 'failed', 5)
    send(made, 'b4', 'failed', 5)
    expect(ejected(made)).toEqual(['b3'])
    made.lb.remove('b3')
    send(made, 'b4', 'failed', 1)
    expect(ejected(made)).toEqual(['b4'])
    made.lb.remove('b5')
    made.clock.advance(40_000)
    expect(ejected(made)).toEqual([])
    send(made, 'b6', 'failed', 5)
    send(made, 'b7', 'failed', 5)
    expect(ejected(made)).toEqual(['b6'])
  })

  it('ejects a tenth at most, but always one', () => {
    const few = watched(5)
    for (const id of ['b0', 'b1', 'b2']) send(few, id, 'failed', 5)
    expect(ejected(few)).toEqual(['b0'])
    const many = watched(30)
    for (let index = 0; index < 10; index++) send(many, `b${index}`, 'failed', 5)
    expect(ejected(many)).toEqual(['b0', 'b1', 'b2'])
  })

  it('ejects as large a part as it may, to the last one', () => {
    // In fractions of two 0.29 times 100 is a little less than 29.
    const made = watched(100, { maxEjected: 0.29, consecutiveFailures: 1 })
    for (let index = 0; index < 40; index++) send(made, `b${index}`, 'failed', 1)
    expect(ejected(made)).toHaveLength(29)
  })

  it('does not eject who is gone', async () => {
    const made = watched(10)
    const events = made.lb.events()
    const late = Array.from({ length: 6 }, () => made.lb.pick({ exclude: made.lb.backends.slice(1) }))
    made.lb.remove('b0')
    for (const lease of late) lease.done('failed')
    await made.lb.close()
    const seen: string[] = []
    for await (const { type } of events) seen.push(type)
    expect(seen).not.toContain('ejected')
  })

  it('counts those that left no longer', () => {
    const made = watched(10)
    send(made, 'b0', 'failed', 5)
    send(made, 'b1', 'failed', 5)
    expect(ejected(made)).toEqual(['b0'])
    made.lb.remove('b0')
    send(made, 'b1', 'failed', 1)
    expect(ejected(made)).toEqual(['b1'])
  })

  it.each([
    // With k of n equally bad they stand sqrt((n - k) / k) deviations below the mean, however bad they are.
    ['one of five, 2 deviations below', 5, 1, {}, ['b0']],
    ['two of nine, 1.87 deviations below', 9, 2, {}, []],
    ['two of ten, 2 deviations below', 10, 2, {}, ['b0']],
    ['one of ten, 3 deviations below, where 3.1 are allowed', 10, 1, { deviations: 3.1 }, []],
  ])('draws the line at 1.9 deviations: %s', (_, count, bad, options, expected) => {
    const made = watched(count, { consecutiveFailures: 1_000, ...options })
    for (let index = 0; index < count; index++) send(made, `b${index}`, 'ok', 100)
    for (let index = 0; index < bad; index++) send(made, `b${index}`, 'failed', 50)
    made.clock.advance(10_000)
    expect(ejected(made)).toEqual(expected)
  })

  it('ejects who fails much more often than the others, though never five times in a row', () => {
    const made = watched(10)
    for (let index = 0; index < 10; index++) {
      for (let round = 0; round < 40; round++) {
        send(made, `b${index}`, 'ok', 3)
        if (index === 7) send(made, 'b7', 'failed', 2)
      }
    }
    made.clock.advance(10_000)
    expect(ejected(made)).toEqual(['b7'])
  })

  it('takes back what it holds against one that behaves, a step each sweep', () => {
    const made = watched(10)
    const ejectionMs = (): number => {
      send(made, 'b3', 'failed', 5)
      expect(ejected(made)).toEqual(['b3'])
      let ms = 0
      for (; ejected(made).length > 0; ms += 1_000) made.clock.advance(1_000)
      return Math.floor(ms / 10_000)
    }
    expect([ejectionMs(), ejectionMs(), ejectionMs()]).toEqual([3, 6, 9])
    made.clock.advance(20_000)
    expect(ejectionMs()).toBe(6)
    made.clock.advance(100_000)
    expect(ejectionMs()).toBe(3)
  })

  it('is as long as its limit no sooner and no longer than it must', () => {
    const made = watched(10, { maxEjectionMs: 60_000 })
    for (let round = 0; round < 50; round++) {
      send(made, 'b3', 'failed', 5)
      while (ejected(made).length > 0) made.clock.advance(1_000)
    }
    made.clock.advance(20_000)
    send(made, 'b3', 'failed', 5)
    made.clock.advance(31_000)
    expect(ejected(made)).toEqual([])
  })

  it('forgets what came in while it was out', () => {
    const made = watched(10)
    const exclude = made.lb.backends.filter((backend) => backend.id !== 'b3')
    const late = Array.from({ length: 150 }, () => made.lb.pick({ exclude }))
    send(made, 'b3', 'failed', 5)
    made.clock.advance(25_000)
    for (const lease of late) lease.done('failed')
    for (const { id } of exclude) send(made, id, 'ok', 150)
    made.clock.advance(10_000)
    expect(ejected(made)).toEqual([])
    send(made, 'b3', 'failed', 4)
    expect(ejected(made)).toEqual([])
  })

  it('varies by its jitter', () => {
    const lengths = new Set<number>()
    for (let run = 0; run < 20; run++) {
      const made = watched(10, { jitterMs: 5_000, sweepMs: 100 })
      for (let skip = 0; skip < run; skip++) made.lb.choose()
      send(made, 'b3', 'failed', 5)
      made.clock.advance(29_900)
      expect(ejected(made)).toEqual(['b3'])
      let ms = 29_900
      for (; ejected(made).length > 0; ms += 100) made.clock.advance(100)
      expect(ms).toBeLessThanOrEqual(35_100)
      lengths.add(ms)
    }
    expect(lengths.size).toBeGreaterThan(8)
  })

  it('lets back who it ejected though nobody started it, and nobody comes back after the end', async () => {
    const made = fleet(2, { outlier: { jitterMs: 0 }, breaker: false })
    send(made, 'b0', 'failed', 5)
    expect(ejected(made)).toEqual(['b0'])
    made.clock.advance(30_000)
    expect(ejected(made)).toEqual([])
    const late = Array.from({ length: 20 }, () => made.lb.pick())
    const closing = made.lb.close()
    await made.clock.pass(60_000)
    await closing
    expect(made.clock.pending).toBe(0)
    for (const lease of late) lease.done('failed')
    expect(made.clock.pending).toBe(0)
  })

  it.each([
    ['too few backends', 4, 40],
    ['too few requests', 10, 10],
  ])('compares nobody with %s', (_, count, rounds) => {
    const made = watched(count)
    for (let index = 0; index < count; index++)
      for (let round = 0; round < rounds; round++) {
        send(made, `b${index}`, 'ok', 3)
        if (index === 0) send(made, 'b0', 'failed', 3)
      }
    made.clock.advance(10_000)
    expect(ejected(made)).toEqual([])
  })
})
