import { describe, expect, it } from 'vitest'
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

  it('ejects a tenth at most, but always one', () => {
    const few = watched(5)
    for (const id of ['b0', 'b1', 'b2']) send(few, id, 'failed', 5)
    expect(ejected(few)).toEqual(['b0'])
    const many = watched(30)
    for (let index = 0; index < 10; index++) send(many, `b${index}`, 'failed', 5)
    expect(ejected(many)).toEqual(['b0', 'b1', 'b2'])
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
