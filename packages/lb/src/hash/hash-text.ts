/** Spreads each bit of a 32-bit number over all others (the finaliser of MurmurHash3). Signed, as the runtime holds it without making an object. */
export function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/**
 * A signed 32-bit hash of a text under a key: MurmurHash3 (x86, 32 bits) over its UTF-16 units, two at a time. The same on every machine, so that balancers
 * side by side agree. Not for secrets, and not against those who choose keys to collide.
 */
export function hashText(text: string, key = 0): number {
  const { length } = text
  const pairs = length & ~1
  let hash = key | 0
  for (let index = 0; index < pairs; index += 2) {
    hash ^= scramble(text.charCodeAt(index) | (text.charCodeAt(index + 1) << 16))
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  if (pairs < length) hash ^= scramble(text.charCodeAt(pairs))
  return mix(hash ^ (length * 2))
}

/** One hash of two, for pairs such as (request, backend). */
export function hashPair(first: number, second: number): number {
  return mix(Math.imul(first ^ 0x27d4eb2f, 0x165667b1) ^ mix(second))
}

function scramble(block: number): number {
  const scrambled = Math.imul(block, 0xcc9e2d51)
  return Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593)
}
