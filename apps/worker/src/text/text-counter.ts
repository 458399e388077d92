import { countSegments } from './count-segments.ts'

export interface TextStats {
  readonly bytes: number
  /** Line ends are LF, CR LF or CR; an unfinished last line counts. */
  readonly lines: number
  /** Words as Unicode finds them (UAX 29), also in languages that write no spaces. */
  readonly words: number
  /** What a reader calls a character (grapheme clusters): an emoji of a family is one. */
  readonly characters: number
  readonly codePoints: number
}

/** Counts a text that comes in pieces of bytes. */
export interface TextCounter {
  push(piece: Uint8Array): void
  /** The counts of everything pushed; nothing may follow. */
  end(): TextStats
}

export interface TextCounterOptions {
  /** How much text is looked at as one; more costs memory. @default 16_384 characters */
  readonly window?: number
}

/**
 * Counts UTF-8 text of any length in bounded memory. Text is cut for counting at line ends and before spaces, where no word or character goes across;
 * only a stretch longer than four windows without either is cut elsewhere.
 */
export function textCounter(options: TextCounterOptions = {}): TextCounter {
  const { window = 16_384 } = options
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const counts = { bytes: 0, lines: 0, words: 0, characters: 0, codePoints: 0 }
  let rest = ''
  let isInLine = false

  function count(text: string): void {
    if (text === '') return
    countSegments(text, counts)
    for (const _ of text) counts.codePoints++
    for (const _ of text.matchAll(/\r\n|\n|\r/g)) counts.lines++
    isInLine = !/[\r\n]$/.test(text)
  }

  function take(text: string): void {
    rest += text
    while (rest.length > window) {
      const cut = cutBefore(rest, window)
      if (cut === 0) return
      count(rest.slice(0, cut))
      rest = rest.slice(cut)
    }
  }

  return {
    push(piece) {
      counts.bytes += piece.length
      take(decoder.decode(piece, { stream: true }))
    },
    end() {
      take(decoder.decode())
      count(rest)
      rest = ''
      return { ...counts, lines: counts.lines + (isInLine ? 1 : 0) }
    },
  }
}

/** Where `text` can be cut so that both parts can be counted apart; 0 when more text is needed to know. */
function cutBefore(text: string, window: number): number {
  // The last character stays: a CR there may belong to a LF that is still to come.
  for (let at = text.length - 1; at > 0; at--) {
    const before = text.charCodeAt(at - 1)
    if (before === 0x0a || (before === 0x0d && text.charCodeAt(at) !== 0x0a)) return at
    if (text.charCodeAt(at) === 0x20 && isPlainLetter(before)) return at
  }
  if (text.length < window * 4) return 0
  const [first] = [...new Intl.Segmenter('und', { granularity: 'word' }).segment(text.slice(-window))].slice(
    -2,
  )
  return text.length - window + (first?.index ?? 0)
}

/** Letters and digits after which a space surely starts something new; leaves out the few signs that cling to what follows. */
function isPlainLetter(code: number): boolean {
  return (
    (code >= 0x21 && code < 0x300) || (code >= 0x370 && code < 0x590) || (code >= 0x3040 && code < 0xd800)
  )
}
