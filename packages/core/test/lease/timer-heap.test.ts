import fc from 'fast-check'
import { expect, test } from 'vitest'

import { TimerHeap } from '../../src/lease/timer-heap.ts'
import { SteppedClock } from '../support/stepped-clock.ts'

test('timers run at their time and in their order, whatever was set and cancelled between', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat({ max: 50 }), fc.boolean()), { maxLength: 40 }),
      async (wanted) => {
        const clock = new SteppedClock()
        const heap = new TimerHeap(clock)
        const ran: string[] = []
        const timers = wanted.map(([delayMs], index) =>
          heap.set(delayMs, () => ran.push(`${delayMs} ${index} at ${clock.monotonic()}`)),
        )
        for (const [index, [, isCancelled]] of wanted.entries()) if (isCancelled) timers[index]!.cancel()
        expect(clock.timers).toBeLessThanOrEqual(1)
        await clock.advance(60)
        const expected = wanted
          .map(([delayMs, isCancelled], index) => ({ delayMs, isCancelled, index }))
          .filter(({ isCancelled }) => !isCancelled)
          .toSorted((a, b) => a.delayMs - b.delayMs || a.index - b.index)
          .map(({ delayMs, index }) => `${delayMs} ${index} at ${delayMs}`)
        expect(ran).toEqual(expected)
        expect(heap.size).toBe(0)
        expect(clock.timers).toBe(0)
      },
    ),
  )
})

test('a timer set or cancelled by another one counts', async () => {
  const clock = new SteppedClock()
  const heap = new TimerHeap(clock)
  const ran: string[] = []
  const late = heap.set(20, () => ran.push('late'))
  heap.set(10, () => {
    late.cancel()
    heap.set(0, () => ran.push('now'))
    heap.set(5, () => ran.push('soon'))
  })
  await clock.advance(100)
  expect(ran).toEqual(['now', 'soon'])
})

test('a timer is told how late it is, and one that throws does not stop the others', async () => {
  const clock = new SteppedClock()
  const heap = new TimerHeap(clock)
  const ran: number[] = []
  heap.set(10, () => {
    throw new Error('first')
  })
  heap.set(10, (lateMs) => ran.push(lateMs))
  await expect(clock.advance(10)).rejects.toThrow('first')
  await clock.advance(0)
  expect(ran).toEqual([0])
})

test('clear leaves nothing behind', async () => {
  const clock = new SteppedClock()
  const heap = new TimerHeap(clock)
  heap.set(10, () => expect.unreachable())
  heap.clear()
  expect(clock.timers).toBe(0)
  await clock.advance(20)
})
