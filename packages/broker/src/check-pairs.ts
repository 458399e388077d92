import { invalidFrame } from './errors.ts'

/** Walks the header pairs in `bytes[start, end)`. A broken frame must stop here: whoever it was passed on to would take it for the broker's fault. */
export function checkPairs(bytes: Uint8Array, start: number, end: number): void {
  let at = start
  while (at < end) {
    const nameEnd = at + 1 + bytes[at]!
    if (nameEnd + 2 > end) throw invalidFrame('A header name that goes past the headers.')
    at = nameEnd + 2 + ((bytes[nameEnd]! << 8) | bytes[nameEnd + 1]!)
    if (at > end) throw invalidFrame('A header value that goes past the headers.')
  }
}
