import { expect, test } from 'vitest'

import { AnswerTimes } from '../../src/lease/answer-times.ts'
import { leaseSettings } from '../../src/lease/lease-options.ts'

test('waits doubles up to the longest, and never less than the answers take', () => {
  const times = new AnswerTimes(leaseSettings({ resendMs: 100, resendMaxMs: 1_000, random: () => 0 }))
  expect([1, 2, 3, 4, 5, 60].map((sends) => times.delayMs(sends))).toEqual([100, 200, 400, 800, 1_000, 1_000])
  for (let n = 0; n < 50; n++) times.add(3_000)
  expect(times.delayMs(1)).toBeGreaterThanOrEqual(3_000)
  expect(times.delayMs(1)).toBeLessThan(3_100)
  for (let n = 0; n < 200; n++) times.add(5)
  expect(times.delayMs(1)).toBeLessThan(150)
})

test('jitter adds up to a quarter', () => {
  const times = new AnswerTimes(leaseSettings({ resendMs: 100, resendMaxMs: 1_000, random: () => 0.999 }))
  expect(times.delayMs(1)).toBeGreaterThan(124)
  expect(times.delayMs(1)).toBeLessThan(125)
})
