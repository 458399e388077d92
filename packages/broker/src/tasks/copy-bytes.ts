/**
 * The bytes in memory of their own: what is kept must not keep the chunk of 64 KiB that it came in. Not `slice`, which on a `Buffer` is a view.
 * Small copies lie beside each other in Node's pool, which costs a tenth of an `ArrayBuffer` each.
 */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = Buffer.allocUnsafe(end - start)
  copy.set(bytes.subarray(start, end))
  return copy
}
