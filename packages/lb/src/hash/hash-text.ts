/** Spreads each bit of a 32-bit number over all others (the finaliser of MurmurHash3). Signed, as the runtime holds it without making an object. */
export function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** A signed 32-bit hash of a text under a key; the same on every machine, so that balancers side by side agree. Not for secrets. */
export function hashText(text: string, key = 0): number {
  let hash = key | 0
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x9e3779b1)
    hash = (hash << 13) | (hash >>> 19)
  }
  return mix(hash ^ text.length)
}

/** One hash of two, for pairs such as (request, backend). */
export function hashPair(first: number, second: number): number {
  return mix(Math.imul(first ^ 0x27d4eb2f, 0x165667b1) ^ mix(second))
}
