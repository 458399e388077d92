export interface SegmentCounts {
  words: number
  characters: number
}

const wordSegments = new Intl.Segmenter('und', { granularity: 'word' })
const characterSegments = new Intl.Segmenter('und', { granularity: 'grapheme' })

// Unicode changed its mind about the colon within a word (a:b): what this machine's tables say counts.
const joinsLetters = [...wordSegments.segment('a:a')].length === 1 ? "[':.]" : "['.]"

/** The word rules of UAX 29 as far as ASCII goes: marks join letters to letters and digits to digits. A test holds it against `Intl.Segmenter`. */
const asciiWord = new RegExp(
  `[A-Za-z0-9](?:[A-Za-z0-9_]|(?<=[A-Za-z])${joinsLetters}(?=[A-Za-z])|(?<=[0-9])['.,;](?=[0-9]))*`,
  'g',
)
const beyondAscii = /[^\0-\u007f]/g

/**
 * Adds the words and characters of `text` to `counts`. `Intl.Segmenter` is exact and slow, so it only sees the words which hold something beyond ASCII,
 * each with the spaces beside it, where nothing goes across.
 */
export function countSegments(text: string, counts: SegmentCounts): void {
  let done = 0
  for (;;) {
    beyondAscii.lastIndex = done
    const found = beyondAscii.exec(text)
    if (found === null) break
    const from = startBefore(text, found.index, done)
    const to = endAfter(text, found.index)
    countAscii(text.slice(done, from), counts)
    countUnicode(text.slice(from, to), counts)
    done = to
  }
  countAscii(text.slice(done), counts)
}

function countAscii(text: string, counts: SegmentCounts): void {
  counts.words += matches(text, asciiWord)
  counts.characters += text.length - matches(text, /\r\n/g)
}

function countUnicode(text: string, counts: SegmentCounts): void {
  for (const { segment, isWordLike } of wordSegments.segment(text)) {
    // ICU calls two underscores a word, but not one.
    if (isWordLike === true && !/^_+$/.test(segment)) counts.words++
  }
  for (const _ of characterSegments.segment(text)) counts.characters++
}

function startBefore(text: string, index: number, done: number): number {
  let at = index
  while (at > done && !isSpace(text.charCodeAt(at - 1))) at--
  // A mark that combines with the space before it makes one character of both.
  if (at > done) at--
  return at > done && text[at] === '\n' && text[at - 1] === '\r' ? at - 1 : at
}

function endAfter(text: string, index: number): number {
  let at = index
  // Goes on where the next word starts with something that might combine with the space between.
  while (at < text.length && text.charCodeAt(at) > 0x7f) {
    while (at < text.length && !isSpace(text.charCodeAt(at))) at++
    if (text[at] === '\r' && text[at + 1] === '\n') at++
    if (at < text.length) at++
  }
  return at
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}

function matches(text: string, pattern: RegExp): number {
  let count = 0
  pattern.lastIndex = 0
  while (pattern.exec(text) !== null) count++
  return count
}
