import { expect, test } from 'vitest'

import { TurnQueue } from '../src/turn-queue.ts'

test('jobs run in order, never in the caller’s stack, those that they add too', async () => {
  const done: number[] = []
  let idle = 0
  const queue = new TurnQueue(() => idle++)
  queue.push({
    run: () => {
      done.push(1)
      queue.push({ run: () => done.push(3) })
    },
  })
  queue.push({ run: () => done.push(2) })
  expect(done).toEqual([])
  await Promise.resolve()
  expect(done).toEqual([1, 2, 3])
  expect(idle).toBe(1)
})

test('past its share of a turn the rest waits for the next, in order', async () => {
  const done: number[] = []
  const queue = new TurnQueue(() => undefined)
  for (let i = 0; i < 3_000; i++) queue.push({ run: () => done.push(i) })
  await Promise.resolve()
  expect(done.length).toBe(1_024)
  queue.push({ run: () => done.push(3_000) })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  expect(done).toEqual(Array.from({ length: 3_001 }, (_, i) => i))
})

test('a job that throws stops nothing behind it', async () => {
  const done: number[] = []
  const queue = new TurnQueue(() => undefined)
  const errors: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', (error) => errors.push(error))
  queue.push({
    run: () => {
      throw new Error('a defect')
    },
  })
  queue.push({ run: () => done.push(2) })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  for (const listener of listeners) process.on('uncaughtException', listener)
  expect(errors).toHaveLength(1)
  expect(done).toEqual([2])
})
