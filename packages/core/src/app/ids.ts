const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Twelve random letters and digits, about 62 bits: enough that no two instances of an application meet. */
export function randomLetters(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(12))
  return Array.from(bytes, (byte) => letters[byte % letters.length]).join('')
}

/** Ids that are unique over all instances: random letters once, then a counter, which costs next to nothing. */
export function tidSource(): () => string {
  const prefix = randomLetters()
  let count = 0
  return () => {
    count += 1
    return `${prefix}-${count.toString(36)}`
  }
}
