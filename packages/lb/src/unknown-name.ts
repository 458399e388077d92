import { closestMatch } from 'leven'

/** The known name that a misspelt one was meant to be, as far as one can tell: `, did you mean "weight"?`, or nothing. */
export function suggest(name: string, known: readonly string[]): string {
  // A long text is no misspelt name, and comparing takes time in its square.
  if (name.length > 60) return ''
  const nearest = closestMatch(name, known, { maxDistance: Math.max(2, Math.ceil(name.length / 3)) })
  return nearest === undefined ? '' : `, did you mean "${nearest}"?`
}

/** What is wrong with an object that has this key. */
export function unknownKey(name: string, known: readonly string[]): string {
  const hint = suggest(name, known)
  const list = known.length === 0 ? 'no key at all' : known.join(', ')
  return `has an unknown key ${JSON.stringify(name.slice(0, 60))}${hint === '' ? ': it' : `${hint} It`} may have ${list}`
}
