import { Buffer } from 'node:buffer'
import { describe, expect, it } from 'vitest'
import { hashPair, hashText } from '../../src/hash/hash-text.ts'

/** Bytes as UTF-16 units, two in each. */
function textOf(bytes: readonly number[] | string): string {
  return (typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes)).toString('utf16le')
}

const families: Readonly<Record<string, (index: number) => string>> = {
  'keys that are numbered': (index) => `user-${index}`,
  'bare numbers': String,
  'hexadecimal numbers': (index) => index.toString(16).padStart(8, '0'),
  'ids that differ in one place alone': (index) => `10.0.${index >> 8}.${index & 255}:8080`,
  'texts with a long common beginning': (index) => `${'/a/very/long/path'.repeat(8)}/${index}`,
  'texts with a long common end': (index) => `${index}.${'internal.example'.repeat(8)}`,
  'letters beyond ASCII': (index) => `ключ-${index}-鍵`,
  'characters of two units': (index) => `😀${String.fromCodePoint(0x1f300 + index)}`,
}

/** Pearson's χ² of hashes over this many equal parts of the range, in standard deviations from what chance gives. */
function unevenness(hashes: readonly number[], parts: number): number {
  const counts = new Array<number>(parts).fill(0)
  for (const hash of hashes) counts[Math.floor(((hash >>> 0) / 2 ** 32) * parts)]!++
  const mean = hashes.length / parts
  const sum = counts.reduce((all, count) => all + (count - mean) ** 2 / mean, 0)
  return (sum - (parts - 1)) / Math.sqrt(2 * (parts - 1))
}

/** How far the worst pair of one flipped input bit and one output bit is from flipping half of the time. */
function worstBias(inputBits: number, trials: number, hash: (trial: number, flip: number) => number): number {
  let worst = 0
  for (let bit = 0; bit < inputBits; bit++) {
    const flips = new Array<number>(32).fill(0)
    for (let trial = 0; trial < trials; trial++) {
      const difference = hash(trial, -1) ^ hash(trial, bit)
      for (let out = 0; out < 32; out++) flips[out]! += (difference >>> out) & 1
    }
    for (const count of flips) worst = Math.max(worst, Math.abs(count / trials - 0.5))
  }
  return worst
}

/** No bit for -1. */
function maskOf(bit: number): number {
  return bit < 0 ? 0 : 1 << bit
}

describe('the hash of a text', () => {
  it.each([
    [[], 0, 0],
    [[], 1, 0x514e28b7],
    [[], 0xffffffff, 0x81f16f39],
    [[0x21, 0x43, 0x65, 0x87], 0, 0xf55b516b],
    [[0x21, 0x43, 0x65, 0x87], 0x5082edee, 0x2362f9de],
    [[0x21, 0x43], 0, 0xa0f7b07a],
    [[0, 0], 0, 0x30f4c306],
    ['test', 0x9747b28c, 0x704b81dc],
    ['abcd', 0x9747b28c, 0xf0478627],
    ['ππππππππ', 0x9747b28c, 0xd58063c1],
  ])('is MurmurHash3, as published: %j under %i', (bytes, key, expected) => {
    expect(hashText(textOf(bytes), key) >>> 0).toBe(expected)
  })

  const count = 100_000

  it.each(Object.entries(families))('spreads %s evenly, whatever the number of parts', (_, textAt) => {
    const hashes = Array.from({ length: count }, (__, index) => hashText(textAt(index)))
    for (const parts of [2, 10, 64, 1_000]) expect(unevenness(hashes, parts)).toBeLessThan(5)
    // Birthdays: n² / 2 ** 33 pairs share a hash by chance, 1.2 of these; more than 8 come up once in a hundred thousand times.
    expect(count - new Set(hashes).size).toBeLessThanOrEqual(8)
  })

  it('changes half of its bits when one bit of the text or of the key does', () => {
    const trials = 4_000
    const text = (trial: number, unit: number, mask: number): string =>
      Array.from(`b${trial}-кл`, (each, index) =>
        String.fromCharCode(each.charCodeAt(0) ^ (index === unit ? mask : 0)),
      ).join('')
    // Five standard deviations of a fair coin thrown 4000 times.
    const bound = (5 * 0.5) / Math.sqrt(trials)
    for (const unit of [0, 1])
      expect(worstBias(16, trials, (trial, bit) => hashText(text(trial, unit, maskOf(bit))))).toBeLessThan(
        bound,
      )
    const keyed = (trial: number, bit: number): number => hashText(`b${trial}`, 7 ^ maskOf(bit))
    expect(worstBias(32, trials, keyed)).toBeLessThan(bound)
  })

  it('is another function under another key: what collides under one does not under the next', () => {
    const byHash = new Map<number, string>()
    const pairs: [string, string][] = []
    for (let index = 0; index < 300_000; index++) {
      const text = `key-${index}`
      const twin = byHash.get(hashText(text, 1))
      if (twin !== undefined) pairs.push([twin, text])
      byHash.set(hashText(text, 1), text)
    }
    expect(pairs.length).toBeGreaterThan(0)
    for (const [first, second] of pairs) expect(hashText(first, 2)).not.toBe(hashText(second, 2))
  })
})

describe('the hash of a pair', () => {
  it('changes half of its bits when one bit of either does', () => {
    const trials = 4_000
    const bound = (5 * 0.5) / Math.sqrt(trials)
    const ids = Array.from({ length: trials }, (_, index) => hashText(`b${index}`))
    expect(
      worstBias(32, trials, (trial, bit) => hashPair(ids[trial]! ^ maskOf(bit), 0x1234567)),
    ).toBeLessThan(bound)
    expect(worstBias(32, trials, (trial, bit) => hashPair(99, ids[trial]! ^ maskOf(bit)))).toBeLessThan(bound)
    expect(worstBias(8, trials, (trial, bit) => hashPair(ids[trial]!, 5 ^ maskOf(bit)))).toBeLessThan(bound)
  })

  it('ranks the same two backends differently for each key', () => {
    const first = hashText('a')
    const second = hashText('b')
    const keys = Array.from({ length: 100_000 }, (_, index) => hashText(`key-${index}`))
    const wins = keys.filter((key) => hashPair(key, first) >>> 0 > hashPair(key, second) >>> 0).length
    expect(Math.abs(wins / keys.length - 0.5)).toBeLessThan((5 * 0.5) / Math.sqrt(keys.length))
  })
})
