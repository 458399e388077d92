import { describe, expect, it } from 'vitest'
import { Dice, seededRandom } from '../src/random.ts'

/** Pearson's χ² as standard deviations of a normal distribution (Wilson and Hilferty). */
function unevenness(draw: () => number, count: number): number {
  const draws = count * 1_000
  const counts = new Array<number>(count).fill(0)
  for (let index = 0; index < draws; index++) counts[draw()]!++
  const sum = counts.reduce((all, each) => all + (each - 1_000) ** 2 / 1_000, 0)
  const part = 2 / (9 * (count - 1))
  return (Math.cbrt(sum / (count - 1)) - (1 - part)) / Math.sqrt(part)
}

describe('the dice', () => {
  it.each([2, 3, 10, 97])('throw each of %i as often, of their own or from a source', (count) => {
    // Six standard deviations: the own generator is seeded anew in each run.
    for (const dice of [new Dice(undefined), new Dice(seededRandom(1))])
      expect(unevenness(() => dice.below(count), count)).toBeLessThan(6)
  })

  it('do not tell the next throw by the last', () => {
    const dice = new Dice(undefined)
    let last = dice.below(10)
    const pairs = (): number => last * 10 + (last = dice.below(10))
    expect(unevenness(pairs, 100)).toBeLessThan(6)
  })

  it.each([0, 0.999_999_999_999, 1, 1.5, -1, Number.NaN, Infinity])(
    'stay in range with a source that gives %d',
    (value) => {
      const dice = new Dice(() => value)
      for (const count of [1, 2, 10, 2 ** 30]) {
        const drawn = dice.below(count)
        expect(Number.isInteger(drawn) && drawn >= 0 && drawn < count).toBe(true)
      }
    },
  )

  it('repeat themselves with a seed', () => {
    const draws = (): number[] => {
      const dice = new Dice(seededRandom(9))
      return [dice.below(100), dice.below(100), dice.bits(), dice.unit()]
    }
    expect(draws()).toEqual(draws())
  })
})
