/** UTF-8 in and out of byte arrays, quick for the short ASCII strings that names and ids are. */

interface NativeText {
  utf8Slice(this: Uint8Array, start: number, end: number): string
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

// Node's own slicing reads any Uint8Array several times faster than TextDecoder does; a browser has none and takes the other way.
const native = (globalThis as { Buffer?: { prototype?: Partial<NativeText> } }).Buffer?.prototype?.utf8Slice

/** Below this many bytes a loop beats a call into native code. */
const SHORT = 16

/** Writes `text` at `at` and returns the offset after it. The target must have room for `3 * text.length` bytes. */
export function writeText(target: Uint8Array, at: number, text: string): number {
  const length = text.length
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (code > 0x7f) return at + encoder.encodeInto(text, target.subarray(at)).written
    target[at + index] = code
  }
  return at + length
}

/** The text of `bytes[start, end)`; malformed UTF-8 becomes U+FFFD. */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start < SHORT) {
    let text = ''
    for (let index = start; index < end; index++) {
      const byte = bytes[index]!
      if (byte > 0x7f) return readLongText(bytes, start, end)
      text += String.fromCharCode(byte)
    }
    return text
  }
  return readLongText(bytes, start, end)
}

function readLongText(bytes: Uint8Array, start: number, end: number): string {
  return native === undefined ? decoder.decode(bytes.subarray(start, end)) : native.call(bytes, start, end)
}

/** How many bytes `text` takes in UTF-8. */
export function textBytes(text: string): number {
  let size = text.length
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code <= 0x7f) continue
    if (code <= 0x7ff) size += 1
    else if (code >= 0xd800 && code <= 0xdbff && isLowSurrogate(text.charCodeAt(index + 1))) {
      // A pair takes four bytes in place of two units.
      size += 2
      index++
    } else size += 2
  }
  return size
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}

/**
 * Reads a string that is mostly the same as the last one (a workgroup, the name of a client) without making it again.
 */
export class TextMemo {
  #bytes: Uint8Array = new Uint8Array(0)
  #text = ''

  read(bytes: Uint8Array, start: number, end: number): string {
    const known = this.#bytes
    const length = end - start
    if (known.length === length) {
      let index = 0
      while (index < length && known[index] === bytes[start + index]) index++
      if (index === length) return this.#text
    }
    this.#bytes = bytes.slice(start, end)
    this.#text = readText(bytes, start, end)
    return this.#text
  }
}
