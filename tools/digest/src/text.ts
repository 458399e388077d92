import stringWidth from 'string-width'

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** 1234567 → `1.23 MB` */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${units[unit]}`
}

/** 12345 → `12 345`, with a space that does not break. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replaceAll(/\B(?=(\d{3})+$)/g, '\u00a0')
}

/** File names may hold anything: control characters would move the cursor or change its colours, and direction marks turn lines around. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\u{fffd}')
}

/** Fits `text` into `width` columns: its end stays, as that is what tells files apart; shorter ones are filled with spaces. */
export function fitted(text: string, width: number): string {
  if (width < 1) return ''
  const shown = printable(text)
  const full = stringWidth(shown)
  if (full <= width) return shown + ' '.repeat(width - full)
  const characters = [...new Intl.Segmenter('und').segment(shown)].map((part) => part.segment)
  let kept = ''
  let used = 1
  for (const character of characters.toReversed()) {
    const next = stringWidth(character)
    if (used + next > width) break
    kept = character + kept
    used += next
  }
  return `…${kept}${' '.repeat(width - used)}`
}
