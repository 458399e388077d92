import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Ticker } from '../src/ticker.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function timed() {
  const ran: number[] = []
  const state = { due: Infinity, ran }
  return {
    state,
    timed: { nextDueAt: () => state.due, run: (now: number) => void (ran.push(now), (state.due = Infinity)) },
  }
}

test('runs what is due, when it is due, and sets no timer while nothing is', () => {
  const one = timed()
  const ticker = new Ticker([one.timed], () => Date.now())
  ticker.arm()
  expect(vi.getTimerCount()).toBe(0)
  const begun = Date.now()
  one.state.due = begun + 100
  ticker.arm()
  ticker.arm()
  expect(vi.getTimerCount()).toBe(1)
  vi.advanceTimersByTime(99)
  expect(one.state.ran).toEqual([])
  // Sockets are read in between.
  vi.advanceTimersByTime(5)
  expect(one.state.ran).toHaveLength(1)
  expect(one.state.ran[0]! - begun).toBeLessThan(105)
  expect(vi.getTimerCount()).toBe(0)
})

test('what became due earlier is not late, what became due later is not early', () => {
  const [one, two] = [timed(), timed()]
  const ticker = new Ticker([one.timed, two.timed], () => Date.now())
  const begun = Date.now()
  one.state.due = begun + 1_000
  ticker.arm()
  two.state.due = begun + 50
  ticker.arm()
  one.state.due = begun + 2_000
  vi.advanceTimersByTime(60)
  expect(two.state.ran).toHaveLength(1)
  expect(two.state.ran[0]! - begun).toBeLessThan(55)
  vi.advanceTimersByTime(1_500)
  expect(one.state.ran).toEqual([])
  vi.advanceTimersByTime(500)
  expect(one.state.ran).toHaveLength(1)
  expect(one.state.ran[0]! - begun).toBeLessThan(2_005)
})

test('stopped is stopped', () => {
  const one = timed()
  const ticker = new Ticker([one.timed], () => Date.now())
  one.state.due = Date.now() + 10
  ticker.arm()
  ticker.stop()
  ticker.arm()
  expect(vi.getTimerCount()).toBe(0)
})

test('what is due in months is waited for in steps: Node would fire at once', () => {
  const one = timed()
  const ticker = new Ticker([one.timed], () => Date.now())
  const setTimer = vi.spyOn(globalThis, 'setTimeout')
  const farMs = 2 ** 32
  one.state.due = Date.now() + farMs
  ticker.arm()
  expect(setTimer.mock.lastCall?.[1]).toBeLessThan(2 ** 31)
  vi.advanceTimersByTime(farMs - 1)
  expect(one.state.ran).toEqual([])
  vi.advanceTimersByTime(10)
  expect(one.state.ran).toHaveLength(1)
  expect(setTimer.mock.calls.length).toBeLessThan(10)
})
