import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RetryBudget } from '../../src/requests/retry-budget.ts'

describe('the retry budget', () => {
  it('lets three be under way at a time, or a fifth of all requests', () => {
    const underWay = (requests: number): number => {
      const budget = new RetryBudget(0.2, 3)
      for (let index = 0; index < 1_000; index++) budget.deposit()
      let begun = 0
      while (begun < 100 && budget.begin(requests, 0)) begun++
      return begun
    }
    expect([0, 10, 15, 16, 19, 20, 50, 100].map(underWay)).toEqual([3, 3, 3, 3, 3, 4, 10, 20])
  })

  it('counts a share that is whole as whole, whatever its last digits are', () => {
    const budget = new RetryBudget(0.29, 0)
    for (let index = 0; index < 1_000; index++) budget.deposit()
    let begun = 0
    while (budget.begin(100, 0)) begun++
    expect(begun).toBe(29)
  })

  it('has ten a second for little traffic, and saves no more than ten of them up', () => {
    const budget = new RetryBudget(0.2, 1_000)
    const take = (now: number): number => {
      let taken = 0
      while (budget.begin(0, now)) taken++
      return taken
    }
    expect([0, 50, 100, 1_000, 1_000_000].map(take)).toEqual([10, 0, 1, 9, 10])
  })

  it('gets a fifth of a retry with each request, and saves a hundred up at most', () => {
    const budget = new RetryBudget(0.2, 1_000)
    while (budget.begin(0, 0));
    const saved = (requests: number): number => {
      for (let index = 0; index < requests; index++) budget.deposit()
      let taken = 0
      while (budget.begin(0, 0)) taken++
      return taken
    }
    expect([4, 1, 100, 10_000].map(saved)).toEqual([0, 1, 20, 100])
  })

  it('lets a retry that failed hand its place on', () => {
    const budget = new RetryBudget(0.2, 1)
    expect(budget.begin(0, 0)).toBe(true)
    expect(budget.begin(0, 0)).toBe(false)
    expect(budget.begin(0, 0, true)).toBe(true)
    expect(budget.active).toBe(1)
    budget.end()
    expect(budget.active).toBe(0)
  })

  it('never gives more than 1.2 R + 10/s and ten allow, whatever comes when', () => {
    const step = fc.record({ passMs: fc.nat(300), requests: fc.nat(20), retries: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const budget = new RetryBudget(0.2, 1_000)
        let [now, requests, retries] = [0, 0, 0]
        for (const each of steps) {
          now += each.passMs
          for (let index = 0; index < each.requests; index++) budget.deposit()
          requests += each.requests
          for (let index = 0; index < each.retries; index++) if (budget.begin(requests, now)) retries++
          expect(requests + retries).toBeLessThanOrEqual(1.2 * requests + (10 * now) / 1_000 + 10 + 1e-6)
        }
      }),
    )
  })
})
