import { createHash } from 'node:crypto'

/** Longer than any address, UUID or usual session id. */
const longest = 128

/** A text that tables may keep: what clients send can be long, and a table of a hundred thousand long ones would be large; those are known by their SHA-256. */
export function boundedKey(text: string): string {
  return text.length <= longest ? text : createHash('sha256').update(text).digest('base64url')
}
