/** Longest topic or filter, in UTF-16 units: even at three bytes each it fits a 16-bit length. */
export const maxTopicLength = 16_384
/** Deepest topic or filter: bounds the depth of a match. */
export const maxTopicLevels = 128

const slash = 0x2f
const plus = 0x2b
const hash = 0x23

/**
 * Whether a message may be sent to this name. The rules are those of MQTT (levels between `/`, empty ones allowed, no `+` or `#`), and stricter: no
 * spaces, no control characters, no lone surrogates, at most 16 384 characters and 128 levels.
 */
export function isTopic(name: string): boolean {
  return isName(name, false)
}

/** Whether this is a topic, or one with wildcards: `+` for a whole level, `#` for all that follow (its parent included), as the last level. */
export function isFilter(name: string): boolean {
  return isName(name, true)
}

/** Whether a filter holds a wildcard. */
export function hasWildcard(filter: string): boolean {
  return filter.includes('+') || filter.includes('#')
}

function isName(name: string, wildcards: boolean): boolean {
  if (typeof name !== 'string' || name.length === 0 || name.length > maxTopicLength) return false
  let levels = 1
  let isPairOpen = false
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    const isLow = unit >= 0xdc00 && unit <= 0xdfff
    if (isLow !== isPairOpen) return false
    isPairOpen = unit >= 0xd800 && unit <= 0xdbff
    if (unit === slash) levels++
    else if (unit === plus || unit === hash) {
      if (!wildcards || !isWholeLevel(name, i)) return false
      if (unit === hash && i !== name.length - 1) return false
    } else if (unit <= 0x20 || (unit >= 0x7f && unit <= 0x9f)) return false
  }
  return levels <= maxTopicLevels && !isPairOpen
}

function isWholeLevel(name: string, at: number): boolean {
  return (
    (at === 0 || name.charCodeAt(at - 1) === slash) &&
    (at === name.length - 1 || name.charCodeAt(at + 1) === slash)
  )
}
