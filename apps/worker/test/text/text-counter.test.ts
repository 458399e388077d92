import { describe, expect, it } from 'vitest'

import { textCounter, type TextStats } from '../../src/text/text-counter.ts'

function stats(text: string | Uint8Array): TextStats {
  const counter = textCounter()
  counter.push(typeof text === 'string' ? Buffer.from(text) : text)
  return counter.end()
}

describe('textCounter', () => {
  it('counts plain text', () => {
    expect(stats('Hello, big world!\nTwo lines.\n')).toEqual({
      bytes: 29,
      lines: 2,
      words: 5,
      characters: 29,
      codePoints: 29,
    })
    expect(stats('')).toEqual({ bytes: 0, lines: 0, words: 0, characters: 0, codePoints: 0 })
  })

  it('counts an unfinished last line, and every kind of line end once', () => {
    expect(stats('a').lines).toBe(1)
    expect(stats('a\nb').lines).toBe(2)
    expect(stats('a\r\nb\rc\n').lines).toBe(3)
    expect(stats('\n\n').lines).toBe(2)
  })

  it('counts characters as readers see them', () => {
    expect(stats('👩‍👩‍👧')).toMatchObject({ characters: 1, codePoints: 5, bytes: 18 })
    expect(stats('e\u0301')).toMatchObject({ characters: 1, codePoints: 2, bytes: 3 })
    expect(stats('🇨🇿🇯🇵')).toMatchObject({ characters: 2, codePoints: 4 })
    expect(stats('नमस्ते')).toMatchObject({ codePoints: 6, words: 1 })
  })

  it('finds words with apostrophes, numbers, and where no spaces are written', () => {
    expect(stats("can't stop 3.14 ---").words).toBe(3)
    expect(stats('我喜欢编程').words).toBeGreaterThan(1)
    expect(stats('ฉันรักการเขียน').words).toBeGreaterThan(1)
  })

  it('takes bytes that are no UTF-8 as they come', () => {
    expect(stats(Buffer.from([0x61, 0xff, 0x62]))).toMatchObject({ bytes: 3, codePoints: 3, words: 2 })
  })
})
