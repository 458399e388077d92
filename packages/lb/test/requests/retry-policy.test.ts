import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/index.ts'
import { backoffMs, checkRetry } from '../../src/requests/retry-policy.ts'

const options = checkRetry({ baseMs: 25, maxMs: 1_000 })
const count = 20_000

describe('backoff with full jitter', () => {
  it.each([
    [1, 25],
    [2, 50],
    [3, 100],
    [5, 400],
    [7, 1_000],
    [40, 1_000],
    [2_000, 1_000],
  ])('before retry %i is anywhere from 0 to %i ms, as likely here as there', (retry, mostMs) => {
    const random = seededRandom(retry)
    const tenths = new Array<number>(10).fill(0)
    let sum = 0
    let outside = 0
    for (let index = 0; index < count; index++) {
      const delayMs = backoffMs(options, retry, random)
      if (!(delayMs >= 0 && delayMs < mostMs)) outside++
      tenths[Math.floor((delayMs / mostMs) * 10)]!++
      sum += delayMs
    }
    expect(outside).toBe(0)
    expect(sum / count / mostMs).toBeCloseTo(0.5, 1)
    // Chi squared with nine degrees of freedom: above 27.9 once in a thousand.
    const expected = count / 10
    expect(tenths.reduce((total, each) => total + (each - expected) ** 2 / expected, 0)).toBeLessThan(27.9)
  })
})
