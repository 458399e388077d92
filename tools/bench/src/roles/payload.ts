/** A payload that tells its place in the order: a sequence number at its start, and at its end a byte derived from it. */
export function stamp(payload: Uint8Array, sequence: number): void {
  payload[0] = sequence >>> 24
  payload[1] = sequence >>> 16
  payload[2] = sequence >>> 8
  payload[3] = sequence
  payload[payload.length - 1] = (sequence * 31 + 7) & 0xff
}

export function isStamped(payload: Uint8Array, sequence: number, size: number): boolean {
  return (
    payload.length === size &&
    payload[0] === ((sequence >>> 24) & 0xff) &&
    payload[1] === ((sequence >>> 16) & 0xff) &&
    payload[2] === ((sequence >>> 8) & 0xff) &&
    payload[3] === (sequence & 0xff) &&
    payload[size - 1] === ((sequence * 31 + 7) & 0xff)
  )
}
