import { describe, expect, it } from 'vitest'

import { fitted, formatBytes, formatCount, printable } from '../src/text.ts'

describe('formatBytes', () => {
  it('says sizes with three digits', () => {
    const cases: [number, string][] = [
      [0, '0 B'],
      [999, '999 B'],
      [1_000, '1.00 kB'],
      [999_499, '999 kB'],
      [999_600, '1.00 MB'],
      [12_345_678, '12.3 MB'],
      [5e15, '5.00 PB'],
      [5e18, '5000 PB'],
    ]
    for (const [bytes, text] of cases) expect(formatBytes(bytes)).toBe(text)
  })
})

describe('formatCount', () => {
  it('groups digits', () => {
    expect(formatCount(999)).toBe('999')
    expect(formatCount(1_234_567)).toBe('1\u00a0234\u00a0567')
  })
})

describe('fitted', () => {
  it('fills short texts and keeps the end of long ones, counting columns and not characters', () => {
    expect(fitted('abc', 5)).toBe('abc  ')
    expect(fitted('abcdef', 4)).toBe('…def')
    expect(fitted('abc', 1)).toBe('…')
    expect(fitted('abc', 0)).toBe('')
    expect(fitted('abc', -3)).toBe('')
    expect(fitted('我喜欢编程', 6)).toBe('…编程 ')
    expect(fitted('👩‍👩‍👧👩‍👩‍👧', 3)).toBe('…👩‍👩‍👧')
  })

  it('lets no control character through', () => {
    expect(printable('a\u001b[31mb\nc\u202e')).toBe('a\u{fffd}[31mb\u{fffd}c\u{fffd}')
  })
})
