import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { countSegments, type SegmentCounts } from '../../src/text/count-segments.ts'

function fast(text: string): SegmentCounts {
  const counts = { words: 0, characters: 0 }
  countSegments(text, counts)
  return counts
}

function exact(text: string): SegmentCounts {
  const words = [...new Intl.Segmenter('und', { granularity: 'word' }).segment(text)].filter(
    (part) => part.isWordLike && !/^_+$/.test(part.segment),
  )
  const characters = [...new Intl.Segmenter('und', { granularity: 'grapheme' }).segment(text)]
  return { words: words.length, characters: characters.length }
}

const ascii = fc.string({ unit: fc.constantFrom(...Array.from('ab1 2_.,;:\'"-\r\n\t\0@')), maxLength: 30 })
const mixed = fc.string({
  unit: fc.constantFrom(
    'a',
    'b',
    '1',
    ' ',
    '\t',
    '\r',
    '\n',
    '.',
    "'",
    '_',
    'é',
    '\u0301',
    '\u0600',
    '\u200d',
    '\u00ad',
    '我',
    '喜',
    '👩',
    '🇨',
    '\u00a0',
    '\u2019',
  ),
  maxLength: 30,
})

function agrees(texts: fc.Arbitrary<string>): void {
  const law = fc.property(texts, (text) => {
    expect(fast(text)).toEqual(exact(text))
  })
  fc.assert(law, { numRuns: 3_000 })
}

describe('countSegments', () => {
  it('agrees with Intl.Segmenter on every ASCII text', () => {
    agrees(fc.oneof(ascii, fc.string({ unit: 'binary-ascii', maxLength: 40 })))
  })

  it('agrees with Intl.Segmenter where ASCII and other text mix', () => {
    agrees(fc.oneof(mixed, fc.string({ unit: 'grapheme' })))
  })
})
