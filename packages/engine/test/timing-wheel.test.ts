import { expect, test } from 'vitest'

import { TimerNode, TimingWheel } from '../src/index.ts'

class Named extends TimerNode {
  readonly name: string

  constructor(name: string) {
    super()
    this.name = name
  }
}

function wheel(startAt = 0): {
  readonly wheel: TimingWheel<Named>
  readonly fired: string[]
  advance(now: number): void
} {
  const made = new TimingWheel<Named>(startAt)
  const fired: string[] = []
  const sink = { due: (node: Named) => fired.push(node.name) }
  return { wheel: made, fired, advance: (now) => made.advance(now, sink) }
}

test('fires at its time, at most a slot late, in order of time and then of filing', () => {
  const w = wheel()
  for (const [name, due] of [
    ['b', 20],
    ['a', 10],
    ['a2', 10],
    ['c', 5_000],
  ] as const)
    w.wheel.schedule(new Named(name), due)
  w.advance(9)
  expect(w.fired).toEqual([])
  w.advance(16)
  expect(w.fired).toEqual(['a', 'a2'])
  w.advance(4_999)
  expect(w.fired).toEqual(['a', 'a2', 'b'])
  w.advance(5_000)
  expect(w.fired).toEqual(['a', 'a2', 'b', 'c'])
  expect(w.wheel.size).toBe(0)
  expect(w.wheel.nextAt()).toBe(Infinity)
})

test('a node may cancel others and file itself again while it fires', () => {
  const made = new TimingWheel<Named>(0)
  const [one, two] = [new Named('one'), new Named('two')]
  const fired: string[] = []
  made.schedule(one, 10)
  made.schedule(two, 10)
  const sink = {
    due(node: Named) {
      fired.push(node.name)
      made.cancel(two)
      made.cancel(two)
      if (fired.length < 3) made.schedule(node, 0)
    },
  }
  for (let now = 16; now <= 64; now += 8) made.advance(now, sink)
  expect(fired).toEqual(['one', 'one', 'one'])
})

test('years pass, and ticks outgrow 32 bits', () => {
  const year = 365 * 24 * 3_600_000
  const w = wheel(40 * year)
  w.wheel.schedule(new Named('far'), 45 * year)
  w.wheel.schedule(new Named('near'), 40 * year + 100)
  w.advance(40 * year + 104)
  expect(w.fired).toEqual(['near'])
  for (let now = 40 * year; now < 45 * year; now += year / 7) w.advance(now)
  expect(w.fired).toEqual(['near'])
  expect(w.wheel.nextAt()).toBeLessThanOrEqual(45 * year)
  w.advance(45 * year + 8)
  expect(w.fired).toEqual(['near', 'far'])
})
