import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { textCounter, type TextStats } from '../../src/text/text-counter.ts'

function stats(bytes: Uint8Array, cuts: readonly number[], window?: number): TextStats {
  const counter = textCounter(window === undefined ? {} : { window })
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  for (const [index, from] of places.entries())
    counter.push(bytes.subarray(from, places[index + 1] ?? bytes.length))
  return counter.end()
}

const tokens = [
  'word',
  "can't",
  'ünï',
  'e\u0301',
  '我喜欢',
  '👩‍👩‍👧',
  '🇨🇿',
  '3.14',
  ' ',
  '  ',
  '\n',
  '\r\n',
  '\r',
  ',',
  '-',
  '\u0600',
  '\u200d',
]

describe('textCounter', () => {
  it('counts the same however the text is cut and however little of it is looked at as one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...tokens), { maxLength: 60 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (parts, cuts) => {
          // A space or line end in each stretch of a window is what makes the small window exact.
          const bytes = Buffer.from(
            parts.map((part, index) => (index % 3 === 2 ? `${part}x ` : part)).join(''),
          )
          const whole = stats(bytes, [])
          expect(stats(bytes, cuts)).toEqual(whole)
          expect(stats(bytes, cuts, 48)).toEqual(whole)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('keeps no more than a few windows of a text without spaces', () => {
    const counter = textCounter({ window: 100 })
    for (let index = 0; index < 1_000; index++) counter.push(Buffer.from('我喜欢编程'))
    expect(counter.end()).toMatchObject({ characters: 5_000, codePoints: 5_000, bytes: 15_000, lines: 1 })
  })
})
