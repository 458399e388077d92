import fc from 'fast-check'
import { expect, test } from 'vitest'

import { BoundedMap } from '../../src/lease/bounded-map.ts'
import { SteppedClock } from '../support/stepped-clock.ts'

const ttlMs = 10

/** The same, of a plain list. */
class Naive {
  readonly #max: number
  entries: { readonly key: string; readonly value: number; readonly until: number }[] = []

  constructor(max: number) {
    this.#max = max
  }

  get(key: string, now: number): number | undefined {
    const entry = this.entries.find((each) => each.key === key)
    if (entry && entry.until <= now) this.entries = this.entries.filter((each) => each !== entry)
    return entry && entry.until > now ? entry.value : undefined
  }

  set(key: string, value: number, now: number): void {
    this.entries = [...this.entries.filter((each) => each.key !== key), { key, value, until: now + ttlMs }]
    if (this.entries.length > this.#max) this.entries.shift()
  }
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('get' as const), key: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
  fc.record({
    kind: fc.constant('set' as const),
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    value: fc.nat(),
  }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(6) }),
)

test('whatever is set, read and waited for, it holds what a list would', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(step, { maxLength: 60 }),
      async (max, steps) => {
        const clock = new SteppedClock()
        const map = new BoundedMap<number>({ clock, max, ttlMs })
        const naive = new Naive(max)
        let now = 0
        for (const each of steps) {
          if (each.kind === 'wait') {
            await clock.advance(each.ms)
            now += each.ms
          } else if (each.kind === 'get') {
            expect(map.get(each.key)).toBe(naive.get(each.key, now))
          } else {
            map.set(each.key, each.value)
            naive.set(each.key, each.value, now)
          }
          expect(map.size).toBe(naive.entries.length)
        }
      },
    ),
  )
})
